"""`iam why`."""

from typing import Annotated, Any

import typer

from iam.terminal.commands import declare
from iam.terminal.durations import instant_ago
from iam.terminal.failures import ExitCode, Failure, usage
from iam.terminal.own_name import own_name
from iam.terminal.tables import shown
from iam.terminal.terminal import Terminal


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam` itself."""
    declare(
        app,
        "why",
        examples=(
            "why dec_...",
            (
                "why --principal service/orders --action billing:GetInvoice "
                "--resource arn:iam:billing::main:invoice/42 --at 2h"
            ),
        ),
    )(why)


def why(
    terminal: Terminal,
    decision: Annotated[
        str | None, typer.Argument(metavar="DECISION", help="The id of a denied one: dec_...")
    ] = None,
    *,
    principal: Annotated[
        str | None, typer.Option("--principal", metavar="PRINCIPAL", help="user/NAME, id or ARN.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="ACTION", help="billing:GetInvoice")
    ] = None,
    resource: Annotated[
        str | None, typer.Option("--resource", metavar="ARN", help="On what.")
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", help="A condition key; may be repeated."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Then: 2h ago as 2h, or an instant."),
    ] = None,
) -> None:
    """Tell why somebody may or may not, and the last change that made it so."""
    if (decision is None) == (principal is None):
        raise usage("give a decision's id, or --principal, --action and --resource")
    asked = {
        "decision_id": decision,
        "principal": principal,
        "action": action,
        "resource": resource,
        "context": context,
        "at": instant_ago(at),
    }
    try:
        answer = terminal.api.get("/v1/why", **asked)
    except Failure as failure:
        if decision is None or failure.exit_code is not ExitCode.NOT_FOUND:
            raise
        advice = (
            f"{own_name()} why --principal user/NAME --action ACTION --resource ARN [--at TIME]"
        )
        code = failure.exit_code
        raise Failure(
            failure.message, advice=advice, exit_code=code, detail=failure.detail
        ) from None
    if terminal.output.as_json:
        terminal.output.json(answer)
    else:
        _show(terminal, answer)


def _show(terminal: Terminal, answer: dict[str, Any]) -> None:
    output = terminal.output
    output.text(f"{answer['principal']}\n  {answer['action']}\n  {answer['resource']}")
    for key, value in answer["context"].items():
        output.text(f"  {key} = {value}")
    output.text(f"  at {shown(answer['at'])}\n")
    told = answer["explanation"]
    for sentence in told["sentences"] if told else [answer["message"]]:
        output.text(sentence)
    change = answer["last_change"]
    if change is not None:
        verb = change["type"].removeprefix("iam.").removesuffix(".v1")
        before = "allowed" if change["allowed_before"] else "denied"
        output.text(
            f"\n{before} until {shown(change['occurred_at'])}: {verb}\n"
            f"  of {change['subject']}\n  by {change['actor']}\n  event {change['event_id']}"
        )
    if answer["allowed_now"] is not None:
        output.text(f"\ntoday it is {'allowed' if answer['allowed_now'] else 'denied'}")
    for note in answer["notes"]:
        output.remark(f"note: {note}")
