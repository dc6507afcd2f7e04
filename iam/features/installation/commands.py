"""`iam bootstrap --local` and `iam migrate --local`: maintenance on the host itself."""

from typing import TYPE_CHECKING, Annotated

import typer

from iam.terminal.commands import declare
from iam.terminal.failures import Failure
from iam.terminal.first_credential import hand_over
from iam.terminal.local import LocalOption, demand_local, local_runtime
from iam.terminal.own_name import own_name
from iam.terminal.profiles import DEFAULT_PROFILE, Profile
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam.features.installation.service import FirstCredential
    from iam.runtime import Runtime
    from iam.terminal.host import HostSettings


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `iam` itself."""
    declare(
        app,
        "bootstrap",
        examples=(
            "bootstrap --local --service admin --save-profile",
            "bootstrap --local --service terraform --json",
        ),
        connects=False,
    )(bootstrap)
    examples = ("migrate --local", "migrate --check", "migrate --plan")
    declare(app, "migrate", examples=examples, connects=False)(migrate)


def bootstrap(
    terminal: Terminal,
    *,
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="The service to make administrator.")
    ],
    local: LocalOption = False,
    account: Annotated[str, typer.Option("--account", help="In which account.")] = "main",
    save: Annotated[
        bool,
        typer.Option(
            "--save-profile", help="Store the credential, so that the next command just works."
        ),
    ] = False,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="Store it under this name.")
    ] = DEFAULT_PROFILE,
) -> None:
    """Make the first administrator, on the host of the server.

    Makes a service in the group `administrators` and a client secret for it, and shows that once.
    Refused when somebody can administer the account already. Works before the first start of the
    server and while it runs; set IAM_* as for the server.
    """
    demand_local("bootstrap", local=local)
    import asyncio

    from iam.terminal.host import read_host_settings, server_url

    settings = read_host_settings()
    credential = asyncio.run(_bootstrap(settings, account=account, service=service))
    made = Profile(
        issuer=settings.issuer,
        url=server_url(settings) or settings.public_url,
        client_id=credential.client_id,
        client_secret=credential.client_secret,
    )
    terminal.output.remark(
        f"`{service}` now administers account `{account}`; the audit log says so, by `root`"
    )
    hand_over(terminal, made, stored_as=profile if save else None)


def migrate(
    terminal: Terminal,
    *,
    local: LocalOption = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if something is missing.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Change nothing; show the statements that would run.")
    ] = False,
) -> None:
    """Bring the database schema up to date, on the host of the server.

    Needed only where IAM_AUTO_MIGRATE is off: else the server does it when it starts. On PostgreSQL
    the replicas may go on meanwhile: a migration waits for a table at most 2 s at a time.
    """
    if check or plan:
        _tell_missing(terminal, with_statements=plan)
        return
    demand_local("migrate", local=local)
    import asyncio

    from iam.terminal.host import read_host_settings, sole_use

    settings = read_host_settings()
    with sole_use(settings, role="migrate"):
        changed = asyncio.run(_migrate(settings))
    text = "the schema is up to date now" if changed else "the schema was up to date"
    terminal.output.done(text, {"changed": changed})


def _tell_missing(terminal: Terminal, *, with_statements: bool) -> None:
    """Tell which revisions are missing. A plan has been told, whatever it says; a check fails."""
    import asyncio

    from iam.terminal.host import read_host_settings
    from iam.terminal.schema_state import look_at_schema

    state = asyncio.run(look_at_schema(read_host_settings()))
    told = [
        {
            "revision": step.revision,
            "title": step.title,
            **({"statements": list(step.statements)} if with_statements else {}),
        }
        for step in state.steps
    ]
    if terminal.output.as_json:
        terminal.output.json({"found": state.found, "missing": told})
    for step in () if terminal.output.as_json else state.steps:
        terminal.output.text(f"-- {step.revision}: {step.title}")
        for statement in step.statements if with_statements else ():
            terminal.output.text(f"{statement.expandtabs(4)};\n")
    if not state.steps:
        terminal.output.remark("the schema is up to date")
    elif not with_statements:
        advice = f"`{own_name()} migrate --local` applies what is missing"
        raise Failure(f"{len(state.steps)} revisions are missing", advice=advice)


async def _migrate(settings: "HostSettings") -> bool:
    from iam.terminal.host import build_runtime, migrate

    runtime = build_runtime(settings)
    try:
        return await migrate(runtime)
    finally:
        await runtime.database.close()


async def _bootstrap(settings: "HostSettings", *, account: str, service: str) -> "FirstCredential":
    import structlog

    from iam.features.installation.service import bootstrap as make_administrator
    from iam.terminal.host import root_of

    async with local_runtime(settings, role="bootstrap", prepare=_prepare) as runtime:
        async with runtime.begin(root_of(runtime, account)) as uow:
            made = await make_administrator(uow, service=service)
        # An alarm for whoever watches the logs of this host: no policy allowed this. The audit log
        # has the events of the service, its group and its credential, by the account's root.
        structlog.get_logger(__name__).warning(
            "administrator_made_on_host",
            account=account,
            service=service,
            client_id=made.client_id,
        )
    return made


async def _prepare(runtime: "Runtime") -> None:
    from iam.features.installation.service import start_installation
    from iam.terminal.host import root_of

    await start_installation(lambda: runtime.begin(root_of(runtime)))
