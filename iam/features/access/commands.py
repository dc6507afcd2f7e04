"""`iam policy who-can` and `iam principal access`."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Final

import typer

from iam.terminal.commands import Commands, declare
from iam.terminal.options import LimitOption
from iam.terminal.references import PRINCIPALS, quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

CsvOption = Annotated[bool, typer.Option("--csv", help="Answer in CSV, one line a path.")]
ActionArgument = Annotated[str, typer.Argument(metavar="ACTION", help="billing:GetInvoice")]
ResourceOption = Annotated[
    str, typer.Option("--resource", metavar="ARN", help="On what; '*' is anything.")
]
PrincipalArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="user/NAME, service/NAME, role/NAME, id or ARN.")
]
_PAGE: Final = 1_000
_WHO: Final = (Column("Principal"), Column("Decision"), Column("Granted by"), Column("If"))
_ACCESS: Final = (
    Column("Effect"),
    Column("Reach"),
    Column("Actions"),
    Column("Resources"),
    Column("From"),
    Column("If"),
    Column("Limited by"),
)

commands = Commands("principal", about="Users, services and roles alike.")


def add_commands(policy: typer.Typer) -> None:
    """Add `who-can` to `iam policy`."""
    examples = (
        "policy who-can billing:GetInvoice --resource arn:iam:billing::main:invoice/42",
        "policy who-can iam:CreateUser --resource '*' --csv",
    )
    declare(policy, "who-can", examples=examples)(who_can)


def who_can(
    terminal: Terminal,
    action: ActionArgument,
    *,
    resource: ResourceOption,
    limit: LimitOption = None,
    as_csv: CsvOption = False,
) -> None:
    """List the users, services and roles that may do this to that, and by which path."""
    pages = terminal.api.pages(
        "/v1/who-can", at_most=limit, page_size=_PAGE, action=action, resource=resource
    )
    found = list(islice(pages, limit))
    if terminal.output.as_json:
        terminal.output.json(found)
        return
    rows = [row for one in found for row in _paths(one)]
    terminal.output.rows(_WHO, rows, as_csv=as_csv)


@commands.command(
    "access", examples=("principal access service/orders", "principal access user/ana --csv")
)
def principal_access(
    terminal: Terminal,
    principal: PrincipalArgument,
    *,
    limit: LimitOption = None,
    as_csv: CsvOption = False,
) -> None:
    """List what a user, service or role may do: its statements, and what is left of each."""
    reference = terminal.refer(principal, *PRINCIPALS)
    named = principal if principal.startswith("arn:") else str(reference)
    path = f"/v1/principals/{quoted(named)}/access"
    found = list(islice(terminal.api.pages(path, at_most=limit), limit))
    if terminal.output.as_json:
        terminal.output.json(found)
        return
    terminal.output.rows(_ACCESS, list(map(_statement, found)), as_csv=as_csv)


def _paths(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a path."""
    unless = [f"unless {_conditions(limit)}" for limit in one["limits"] if _is_deny(limit)]
    within = [_conditions(limit) for limit in one["limits"] if not _is_deny(limit)]
    for path in one["paths"]:
        conditions = filter(None, [_conditions(path), *within, *unless])
        yield {
            "principal": f"{one['kind']}/{one['name']}",
            "decision": one["decision"],
            "granted_by": _origin(path),
            "if": " and ".join(conditions),
        }


def _statement(one: Mapping[str, Any]) -> dict[str, Any]:
    limits = [f"{limit['layer']} {limit['effect']}: {_origin(limit)}" for limit in one["limits"]]
    return {
        "effect": one["effect"],
        "reach": one["reach"],
        "actions": _patterns(one["actions"], one["not_actions"]),
        "resources": _patterns(one["resources"], one["not_resources"]),
        "from": _origin(one),
        "if": _conditions(one),
        "limited_by": ", ".join([*limits, *(f"no Allow in {layer}" for layer in one["missing"])]),
    }


def _patterns(named: list[str], excepted: list[str]) -> str:
    return ", ".join(named) if named else f"all but {', '.join(excepted)}"


def _origin(path: Mapping[str, Any]) -> str:
    """Short: ARNs of our own as people type them."""
    policy = path["policy"]
    if path["layer"] == "resource":
        name = f"policy of {policy}"
    else:
        name = policy.rpartition(":policy/")[2].rpartition("/")[2]
    return f"{name} via group/{path['group']['name']}" if path["group"] else name


def _conditions(path: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{one['operator']} {one['key']} {' or '.join(one['values'])}" for one in path["conditions"]
    )


def _is_deny(limit: Mapping[str, Any]) -> bool:
    return bool(limit["effect"] == "Deny")
