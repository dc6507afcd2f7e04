"""`iam decide`."""

from typing import Annotated, Any

import typer

from iam.terminal.commands import declare
from iam.terminal.documents import read_document
from iam.terminal.failures import ExitCode, Failure, usage
from iam.terminal.references import PRINCIPALS
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

_MATCHED = (Column("Effect"), Column("Layer"), Column("Policy"), Column("Statement"), Column("Sid"))
_MEANING = {
    "allowed": "allowed",
    "explicitDeny": "denied: a statement denies it",
    "implicitDeny": "denied: nothing allows it",
}


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam` itself."""
    declare(
        app,
        "decide",
        examples=(
            (
                "decide --principal service/orders --action billing:GetInvoice "
                "--resource arn:iam:billing::main:invoice/42"
            ),
            "decide --token @token --action billing:GetInvoice --resource '*' --context amount=120",
        ),
    )(decide)


def decide(
    terminal: Terminal,
    *,
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="billing:GetInvoice")],
    resource: Annotated[str, typer.Option("--resource", metavar="ARN", help="On what.")],
    principal: Annotated[
        str | None,
        typer.Option("--principal", metavar="PRINCIPAL", help="About service/NAME or an ARN."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", metavar="TOKEN", help="About this token: @FILE or -.")
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", help="A condition key; may be repeated."),
    ] = None,
) -> None:
    """Ask whether somebody may. Exit code 4 when the answer is no."""
    question: dict[str, Any] = {
        **_subject(terminal, principal, token),
        "action": action,
        "resource": resource,
    }
    if context:
        question["context"] = _context(context)
    answer = terminal.api.post("/v1/decisions", {"evaluations": [question]})["decisions"][0]
    _show(terminal, answer)
    if not answer["allowed"]:
        raise Failure("", exit_code=ExitCode.NOT_ALLOWED)


def _subject(terminal: Terminal, principal: str | None, token: str | None) -> dict[str, str]:
    if (principal is None) == (token is None):
        raise usage("give --principal or --token, one of them")
    if token is not None:
        return {"token": read_document(token).strip()}
    if principal is not None and principal.startswith("arn:"):
        return {"principal": principal}
    reference = terminal.refer(principal or "", *PRINCIPALS)
    return {"principal": terminal.api.get(reference.path)["arn"]}


def _context(given: list[str]) -> dict[str, Any]:
    """Condition keys; one that is repeated has several values."""
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise usage(f"expected a condition key as KEY=VALUE, found `{text}`")
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _show(terminal: Terminal, answer: dict[str, Any]) -> None:
    output = terminal.output
    if output.as_json:
        output.json(answer)
        return
    output.text(_MEANING.get(answer["decision"], answer["decision"]))
    if answer["error"]:
        output.text(f"  {answer['error']['message']}")
    if answer["blocked_by"]:
        output.text(f"  blocked by: {answer['blocked_by']}")
    if answer["matched"]:
        output.text("")
        output.records(_MATCHED, answer["matched"])
    for finding in answer["findings"]:
        output.text(f"finding: {finding}")
    output.remark(f"decision {answer['decision_id']}")
