"""`iam audit-log ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.durations import instant_ago
from iam.terminal.references import HOLDERS, quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

_COLUMNS = (
    Column("When", "occurred_at"),
    Column("Type", lambda row: row["type"].removeprefix("iam.").removesuffix(".v1")),
    Column("Outcome"),
    Column("Actor", lambda row: row["actor"].rpartition(":")[2]),
    Column("Subject", lambda row: row["subject"].rpartition(":")[2]),
    Column("Id"),
)
_USUAL = 50

commands = Commands("audit-log", about="The record of every change and every refusal.")


@commands.command(
    "list",
    examples=(
        "audit-log list --since 1h",
        "audit-log list --type 'user.*' --target user/alice",
        "audit-log list --outcome denied --actor service/orders --json",
    ),
)
def list_events(
    terminal: Terminal,
    *,
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="As in the list; may end in *: user.*"),
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="REFERENCE", help="Who did it.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="REFERENCE", help="What it happened to.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="OUTCOME", help="success or denied.")
    ] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", metavar="ID", help="dec_..., as in a refusal.")
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="req_..., as in an answer.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Such as 1h, or 2026-07-01T12:00:00Z."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="As --since.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")
    ] = _USUAL,
) -> None:
    """List events, newest first."""
    terminal.list(
        "/v1/audit-events",
        _COLUMNS,
        limit=limit,
        type=_event_type(event_type),
        actor=_arn(terminal, actor),
        target=_arn(terminal, target),
        outcome=outcome,
        decision_id=decision,
        request_id=request,
        since=instant_ago(since),
        until=instant_ago(until),
    )


@commands.command("show", examples=("audit-log show evt_...",))
def show_event(
    terminal: Terminal,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id: evt_...")],
) -> None:
    """Show an event with the values before and after."""
    terminal.output.record(terminal.api.get(f"/v1/audit-events/{quoted(event)}"))


def _event_type(text: str | None) -> str | None:
    """What the server takes, also for a type as the list shows it: bare of product and version."""
    if text is None or text == "*" or text.startswith("iam."):
        return text
    return f"iam.{text}" if text.endswith("*") else f"iam.{text}.v1"


def _arn(terminal: Terminal, text: str | None) -> str | None:
    """What the server takes: an ARN or an id, also of what is there no more."""
    if text is None or "/" not in text or text.startswith("arn:"):
        return text
    reference = terminal.refer(text, *HOLDERS, "policy")
    arn: str = terminal.api.get(reference.path)["arn"]
    return arn
