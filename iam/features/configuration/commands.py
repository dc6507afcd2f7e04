"""`iam apply`, `iam export` and `iam drift`."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from iam.terminal.commands import declare
from iam.terminal.failures import Failure
from iam.terminal.terminal import Terminal
from iam.terminal.yaml_documents import WrittenDocument, read_written, written

_PATH: Final = "/v1/configuration"
_PATIENCE_SECONDS: Final = 600.0
"""Hundreds of changes, each authorized, take a while on a busy server."""
_VERBS: Final = {"create": "to create", "update": "to change", "delete": "to delete"}

FileOption = Annotated[
    str, typer.Option("-f", "--file", metavar="FILE", help="YAML or JSON; - for stdin.")
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `iam` itself."""
    declare(
        app,
        "apply",
        examples=(
            "apply -f access.yaml --dry-run",
            "apply -f access.yaml --prune --approve-widening",
            "apply -f access.yaml --approved-by 'Ana Costa, CHANGE-1234'",
        ),
    )(apply)
    declare(
        app,
        "export",
        examples=("export --name shop > access.yaml", "export --section groups --section policies"),
    )(export)
    declare(app, "drift", examples=("drift -f access.yaml",))(drift)


def apply(
    terminal: Terminal,
    *,
    file: FileOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan; change nothing.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete what this configuration manages and FILE lacks."),
    ] = False,
    approve_widening: Annotated[
        bool,
        typer.Option("--approve-widening", help="Apply it also if somebody may do more by it."),
    ] = False,
    approved_by: Annotated[
        str | None,
        typer.Option("--approved-by", metavar="NAME", help="Who approved that; for audit log."),
    ] = None,
) -> None:
    """Bring access to what a file says: shows the plan, and applies it in one transaction.

    The plan tells what is made, changed and deleted, and who gains and loses what, with a request
    for each that is decided otherwise afterwards. One that widens access takes --approve-widening,
    or --approved-by with the name of who approved it. What the file does not mention stays as it
    is. Nothing is deleted without --prune, and then only what this configuration manages.

    Exit codes: 0 applied or nothing to do, 1 declined, 2 defects in the file.
    """
    document = read_written(file)
    request = {"document": document.value, "prune": prune}
    plan = _asked(terminal, document, "plan", request)
    is_applied = not dry_run and _is_approved(plan, approve_widening, approved_by)
    if terminal.output.as_json:
        terminal.output.json({**plan, "applied": is_applied})
    else:
        terminal.output.text("\n".join(_told(plan)))
    if dry_run:
        return
    if not is_applied:
        raise Failure(
            "the plan widens access: nothing was applied",
            advice="look at who gains; then approve it with --approve-widening or --approved-by",
            detail={"code": "widening_not_approved"},
        )
    if plan["steps"] or plan["adopted"]:
        _progress(terminal, f"applying {len(plan['steps'])} steps ...")
        approval = {"approve_widening": approve_widening, "approved_by": approved_by}
        _asked(terminal, document, "apply", {**request, **approval, "plan": plan["plan"]})
        if plan["steps"] and not terminal.output.as_json:
            terminal.output.text("\nApplied.")


def export(
    terminal: Terminal,
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The configuration that it is to be of.")
    ] = "exported",
    section: Annotated[
        list[str] | None,
        typer.Option("--section", metavar="SECTION", help="groups, policies ...; may be repeated."),
    ] = None,
) -> None:
    """Write access as it is as a file for `iam apply`: what NAME manages, and what nobody does.

    Applied again, it changes nothing. The order is always the same.
    """
    document = terminal.api.get(_PATH, name=name, section=section)["document"]
    if terminal.output.as_json:
        terminal.output.json(document)
    else:
        terminal.output.text(written(document).rstrip("\n"))


def drift(terminal: Terminal, *, file: FileOption) -> None:
    """Show what differs from a file: what was changed by hand since it was applied.

    Exit codes: 0 nothing differs, 1 something does, 2 defects in the file.
    """
    document = read_written(file)
    plan = _asked(terminal, document, "plan", {"document": document.value, "prune": True})
    if terminal.output.as_json:
        terminal.output.json({"configuration": plan["configuration"], "steps": plan["steps"]})
    elif not plan["steps"]:
        terminal.output.text(f"No drift: all that {file} describes is as it says.")
    else:
        lines = [line for step in plan["steps"] for line in _drifted(step)]
        terminal.output.text("\n".join(lines))
    if plan["steps"]:
        count = len(plan["steps"])
        message = f"{count} object{'' if count == 1 else 's'} not as `{file}` says"
        raise Failure(message, detail={"code": "drift"})


def _asked(
    terminal: Terminal, document: WrittenDocument, verb: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    _progress(terminal, f"asking {terminal.api.url} ...")
    try:
        found: dict[str, Any] = terminal.api.post(
            f"{_PATH}:{verb}", request, timeout=_PATIENCE_SECONDS
        )
    except Failure as failure:
        raise document.located(failure) from None
    return found


def _progress(terminal: Terminal, text: str) -> None:
    if sys.stderr.isatty():
        terminal.output.remark(text)


def _is_approved(plan: Mapping[str, Any], approves: bool, approved_by: str | None) -> bool:  # noqa: FBT001 -- an option
    return not plan["widens"] or approves or approved_by is not None


def _told(plan: Mapping[str, Any]) -> Iterator[str]:
    """A plan for people."""
    steps, effects = plan["steps"], plan["effects"]
    if not steps:
        yield f"No changes: everything is as configuration `{plan['configuration']}` says."
    else:
        numbers = ", ".join(
            f"{sum(step['verb'] == verb for step in steps)} {word}" for verb, word in _VERBS.items()
        )
        yield f"Plan {plan['plan']} of configuration `{plan['configuration']}`: {numbers}."
        for step in steps:
            yield from ("", *_indented(step["words"]))
    if effects:
        yield "\nWho gains and who loses:"
        for effect in effects:
            yield from ("", *_indented(effect["words"]))
    elif steps:
        yield "\nNobody gains or loses anything."
    if plan["adopted"]:
        yield f"\nManaged by this configuration from now on: {', '.join(plan['adopted'])}."
    if plan["widens"]:
        yield "\nThis plan widens access."


def _indented(words: list[str]) -> Iterator[str]:
    head, *rest = words
    yield f"  {head}"
    yield from (f"      {line}" for line in rest)


def _drifted(step: Mapping[str, Any]) -> Iterator[str]:
    """What was done by hand, as far as one can tell from what is there."""
    if step["verb"] == "create":
        yield f"{step['object']} is missing"
        return
    if step["verb"] == "delete":
        yield f"{step['object']} is managed by this configuration, and the file does not have it"
        return
    yield f"{step['object']} was changed"
    for change in step["changes"]:
        yield from (f"    {line}" for line in _differing(change))


def _differing(change: Mapping[str, Any]) -> Iterator[str]:
    name, found, said = change["attribute"].replace("_", " "), change["before"], change["after"]
    if isinstance(found, list) and isinstance(said, list):
        yield from (
            f"{name}: has {_shown(one)}, not in the file" for one in found if one not in said
        )
        yield from (f"{name}: lacks {_shown(one)}" for one in said if one not in found)
    elif isinstance(found, Mapping) and isinstance(said, Mapping) and "Statement" not in said:
        for key in sorted(found.keys() | said.keys()):
            if found.get(key) != said.get(key):
                yield f"{name} {key}: is {_shown(found.get(key))}, file: {_shown(said.get(key))}"
    else:
        yield f"{name}: is {_shown(found)}, file: {_shown(said)}"


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
