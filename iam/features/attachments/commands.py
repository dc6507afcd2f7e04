"""`iam inline-policy ...` and `iam boundary ...`: what somebody holds."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.options import DocumentArgument
from iam.terminal.references import HOLDERS, PRINCIPALS, quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

HolderArgument = Annotated[
    str,
    typer.Argument(metavar="HOLDER", help="user/NAME, service/NAME, role/NAME or group/NAME."),
]
PrincipalArgument = Annotated[
    str, typer.Argument(metavar="PRINCIPAL", help="user/NAME, service/NAME or role/NAME.")
]
InlineName = Annotated[str, typer.Argument(metavar="NAME", help="Its name at this holder.")]

inline = Commands("inline-policy", about="Policies that belong to one holder and die with it.")
boundary = Commands("boundary", about="Permissions boundaries: the most that somebody may do.")


@inline.command(
    "put",
    examples=(
        "inline-policy put service/orders read-invoices @policy.json",
        "inline-policy put group/support read-only - < policy.json",
    ),
)
def put_inline_policy(
    terminal: Terminal, holder: HolderArgument, name: InlineName, document: DocumentArgument
) -> None:
    """Write an inline policy, new or in place of the one of this name."""
    reference = terminal.refer(holder, *HOLDERS)
    path = f"{reference.path}/inline-policies/{quoted(name)}"
    answer = terminal.api.put_over(path, {"document": read_json(document)})
    terminal.output.done(f"{reference} has inline policy `{name}`", answer)


@inline.command("list", examples=("inline-policy list service/orders",))
def list_inline_policies(terminal: Terminal, holder: HolderArgument) -> None:
    """List the inline policies of a holder."""
    columns = (Column("Name"), Column("Created at"), Column("Updated at"))
    terminal.list(f"{terminal.refer(holder, *HOLDERS).path}/inline-policies", columns)


@inline.command("show", examples=("inline-policy show service/orders read-invoices",))
def show_inline_policy(terminal: Terminal, holder: HolderArgument, name: InlineName) -> None:
    """Show an inline policy with its document."""
    reference = terminal.refer(holder, *HOLDERS)
    terminal.output.record(terminal.api.get(f"{reference.path}/inline-policies/{quoted(name)}"))


@inline.command("delete")
def delete_inline_policy(terminal: Terminal, holder: HolderArgument, name: InlineName) -> None:
    """Delete an inline policy."""
    reference = terminal.refer(holder, *HOLDERS)
    terminal.api.delete(f"{reference.path}/inline-policies/{quoted(name)}")
    terminal.output.done(f"{reference} has no inline policy `{name}` now")


@boundary.command("set", examples=("boundary set service/orders payments-limit",))
def set_boundary(
    terminal: Terminal,
    principal: PrincipalArgument,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Name, id or ARN.")],
) -> None:
    """Limit a principal to what a policy allows, whatever else it holds."""
    reference = terminal.refer(principal, *PRINCIPALS)
    path = f"{reference.path}/permissions-boundary"
    answer = terminal.api.put(path, {"policy": policy}, whatever_version=True)
    terminal.output.done(f"{reference} is limited by `{answer['name']}`", answer)


@boundary.command("remove", examples=("boundary remove service/orders",))
def remove_boundary(terminal: Terminal, principal: PrincipalArgument) -> None:
    """Lift the limit of a principal."""
    reference = terminal.refer(principal, *PRINCIPALS)
    terminal.api.delete(f"{reference.path}/permissions-boundary")
    terminal.output.done(f"{reference} has no permissions boundary now")
