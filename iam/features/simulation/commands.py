"""`iam policy simulate`."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from iam.terminal.commands import declare
from iam.terminal.documents import read_document
from iam.terminal.failures import usage
from iam.terminal.references import PRINCIPALS
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

_PATH = "/v1/policies:simulate"
_COLUMNS = (
    Column("Action"),
    Column("Resource"),
    Column("Decision"),
    Column("Blocked by"),
    Column("Statements"),
    Column("Missing keys"),
)


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam policy`."""
    examples = (
        "policy simulate --principal service/orders --action billing:GetInvoice --explain",
        "policy simulate --policy @draft.json --action billing:Pay --resource '*'",
        "policy simulate --principal user/ana --action iam:GetUser --context aws:userid=usr_1",
        "policy simulate --principal user/ana --action billing:Pay --scp FullAccess --scp @no.json",
    )
    declare(app, "simulate", examples=examples)(simulate)


def simulate(
    terminal: Terminal,
    *,
    action: Annotated[
        list[str], typer.Option("--action", metavar="ACTION", help="What; may be repeated.")
    ],
    resource: Annotated[
        list[str] | None, typer.Option("--resource", metavar="ARN", help="On what; default: *.")
    ] = None,
    principal: Annotated[
        str | None,
        typer.Option("--principal", metavar="PRINCIPAL", help="A stored one: service/NAME, ARN."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="DOCUMENT", help="JSON, @FILE or -; may be repeated."),
    ] = None,
    boundary: Annotated[
        str | None, typer.Option("--boundary", metavar="DOCUMENT", help="A permissions boundary.")
    ] = None,
    resource_policy: Annotated[
        str | None,
        typer.Option("--resource-policy", metavar="DOCUMENT", help="The policy of each resource."),
    ] = None,
    session_policy: Annotated[
        list[str] | None,
        typer.Option("--session-policy", metavar="DOCUMENT", help="Of the session; repeatable."),
    ] = None,
    scp: Annotated[
        list[str] | None,
        typer.Option(
            "--scp", metavar="DOCUMENT", help="Of one more level; `FullAccess` or a document."
        ),
    ] = None,
    rcp: Annotated[
        list[str] | None,
        typer.Option("--rcp", metavar="DOCUMENT", help="The same for the resource."),
    ] = None,
    caller: Annotated[
        str | None,
        typer.Option("--caller", metavar="CALLER", help="ARN, AWS service, or `anonymous`."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", help="A condition key; may be repeated."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why, and what came nearest to allowing it.")
    ] = False,
) -> None:
    """Say what would be decided, about somebody or about documents. It changes nothing."""
    request = {
        "policy_source_arn": None if principal is None else _arn(terminal, principal),
        "policy_input_list": _documents(policy),
        "permissions_boundary_policy_input_list": _documents(
            None if boundary is None else [boundary]
        ),
        "session_policy_input_list": _documents(session_policy),
        "service_control_policy_input_list": _level(scp),
        "resource_control_policy_input_list": _level(rcp),
        "action_names": action,
        "resource_arns": resource or ["*"],
        "resource_policy": None if resource_policy is None else read_document(resource_policy),
        "caller_arn": caller,
        "context_entries": list(_entries(context or [])) or None,
        "explain": explain,
    }
    given = {name: value for name, value in request.items() if value is not None}
    results = list(_results(terminal, given))
    if terminal.output.as_json:
        terminal.output.json({"evaluation_results": results})
        return
    rows = [_row(each, one) for each in results for one in each["resource_specific_results"]]
    terminal.output.records(_COLUMNS, rows)
    if explain:
        terminal.output.text("\n".join(_told(rows)))


def _arn(terminal: Terminal, principal: str) -> str:
    if principal.startswith("arn:"):
        return principal
    found: str = terminal.api.get(terminal.refer(principal, *PRINCIPALS).path)["arn"]
    return found


def _documents(given: list[str] | None) -> list[str] | None:
    return [read_document(each) for each in given] if given else None


def _level(given: list[str] | None) -> list[list[str]] | None:
    """One level of guardrails, of which there may be more in a request."""
    documents = _documents(given)
    return None if documents is None else [documents]


def _entries(given: list[str]) -> Iterator[dict[str, Any]]:
    """Context entries; a key that is repeated has several values."""
    found: dict[str, list[str]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise usage(f"expected a condition key as KEY=VALUE, found `{text}`")
        found.setdefault(key, []).append(value)
    for key, values in found.items():
        kind = "string" if len(values) == 1 else "stringList"
        yield {"context_key_name": key, "context_key_type": kind, "context_key_values": values}


def _results(terminal: Terminal, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every result, answer by answer."""
    marker: dict[str, Any] = {}
    while True:
        answer = terminal.api.post(_PATH, {**request, **marker})
        yield from answer["evaluation_results"]
        if not answer["is_truncated"]:
            return
        marker = {"marker": answer["marker"]}


def _row(result: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    statements = [
        f"{match['source_policy_id']} {match['sid'] or match['statement']}"
        for match in one["matched_statements"]
    ]
    return {
        "action": result["eval_action_name"],
        "resource": one["eval_resource_name"],
        "decision": one["eval_resource_decision"],
        "blocked_by": one["blocked_by"],
        "statements": statements,
        "missing_keys": one["missing_context_values"],
        "explanation": one["explanation"],
    }


def _told(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"\n{row['action']} on {row['resource']}:"
        yield from (f"  {sentence}" for sentence in row["explanation"])
