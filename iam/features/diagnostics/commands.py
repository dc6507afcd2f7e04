"""`iam doctor`: what is wrong with the whole installation, and what to do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from iam.features.diagnostics.rules import Diagnosis, Grade, judge_clock, judge_transport
from iam.terminal.commands import declare
from iam.terminal.failures import Failure
from iam.terminal.local import LocalOption
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam.terminal.host import HostSettings


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam` itself."""
    declare(app, "doctor", examples=("doctor", "doctor --json", "doctor --local"))(doctor)


def doctor(terminal: Terminal, *, local: LocalOption = False) -> None:
    """Look at the whole installation: what is wrong, and what to do.

    Asks the server, and looks at it as a client does: its name, its TLS, its clock. With --local it
    looks at the database and the settings of this host itself, whether the server runs or not. Exit
    code 0 if nothing is wrong or there are warnings alone, 1 if there is an error.
    """
    checks = _on_host() if local else [*_as_client(terminal), *_of_server(terminal)]
    if terminal.output.as_json:
        terminal.output.json([_record(check) for check in checks])
    for check in () if terminal.output.as_json else checks:
        terminal.output.text(f"{check.grade:8} {check.check}: {check.text}")
        if check.advice:
            terminal.output.text(f"         {check.advice}")
    errors = sum(check.grade is Grade.ERROR for check in checks)
    if errors:
        raise Failure(f"{errors} of {len(checks)} checks found an error")


def _of_server(terminal: Terminal) -> Iterator[Diagnosis]:
    try:
        checks = terminal.api.get("/v1/diagnostics")["checks"]
    except Failure as failure:
        advice = failure.advice or "on its host, `iam doctor --local` looks without it"
        yield Diagnosis("server", Grade.ERROR, failure.message, advice)
        return
    for each in checks:
        yield _diagnosis(each)


def _diagnosis(each: dict[str, Any]) -> Diagnosis:
    return Diagnosis(each["check"], Grade(each["status"]), each["text"], each["advice"])


def _record(check: Diagnosis) -> dict[str, str]:
    return {
        "check": check.check,
        "status": check.grade,
        "text": check.text,
        "advice": check.advice,
    }


def _as_client(terminal: Terminal) -> Iterator[Diagnosis]:
    """What only a client sees."""
    from iam.terminal.connection import find_connection
    from iam.terminal.reach import reach_issuer

    settings = find_connection(terminal.choice)
    issuer = settings.endpoints.issuer
    found = reach_issuer(issuer, ca_bundle=settings.ca_bundle)
    if found.reason is None:
        yield Diagnosis("issuer", Grade.OK, f"{issuer} leads to it")
    else:
        advice = "every service that verifies tokens must reach this name; see IAM_ISSUER, IAM_URL"
        yield Diagnosis("issuer", Grade.ERROR, f"{issuer}: {found.reason}", advice)
    if settings.endpoints.url != issuer:
        yield judge_transport(settings.endpoints.url)
    if found.skew is not None:
        yield judge_clock(found.skew, "the server's", "own clock")


def _on_host() -> list[Diagnosis]:
    """What is seen from the host, without a server."""
    import asyncio

    from iam.terminal.host import read_host_settings
    from iam.terminal.setting_checks import check_settings

    findings = asyncio.run(check_settings())
    checks = [
        Diagnosis(f"setting {each.about}", Grade(each.grade), each.text, each.advice)
        for each in findings
    ]
    if any(check.grade is Grade.ERROR for check in checks):
        return checks
    return [*checks, *asyncio.run(_of_database(read_host_settings()))]


async def _of_database(settings: "HostSettings") -> list[Diagnosis]:
    from iam.features.diagnostics.service import diagnose
    from iam.terminal.host import build_runtime, root_of
    from iam.terminal.schema_state import look_at_schema

    state = await look_at_schema(settings)
    if state.steps:
        text = f"{len(state.steps)} revisions are missing"
        advice = "start the server, or `iam migrate --local`"
        return [Diagnosis("schema", Grade.ERROR, text, advice)]
    runtime = build_runtime(settings)
    try:
        async with runtime.begin(root_of(runtime), read_only=True) as uow:
            return await diagnose(uow)
    finally:
        await runtime.database.close()
