"""`iam resource-policy ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.options import DocumentArgument, LimitOption
from iam.terminal.references import quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

ResourceArgument = Annotated[str, typer.Argument(metavar="ARN", help="The resource.")]
PrefixOption = Annotated[
    str | None,
    typer.Option("--prefix", metavar="ARN", help="Only resources whose ARN begins like this."),
]
_COLUMNS = (Column("Resource"), Column("Updated at"), Column("Id"))

commands = Commands("resource-policy", about="Who may do what with one resource.")


@commands.command(
    "put", examples=("resource-policy put arn:iam:billing::main:invoice/42 @policy.json",)
)
def put_policy(terminal: Terminal, resource: ResourceArgument, document: DocumentArgument) -> None:
    """Write the policy of a resource, new or in place of the present one."""
    answer = terminal.api.put_over(_path(resource), {"document": read_json(document)})
    terminal.output.record(answer)


@commands.command("show")
def show_policy(terminal: Terminal, resource: ResourceArgument) -> None:
    """Show the policy of a resource."""
    terminal.output.record(terminal.api.get(_path(resource)))


@commands.command("list")
def list_policies(
    terminal: Terminal, *, prefix: PrefixOption = None, limit: LimitOption = None
) -> None:
    """List the resources that have a policy, oldest policy first."""
    terminal.list("/v1/resource-policies", _COLUMNS, limit=limit, prefix=prefix)


@commands.command("delete")
def delete_policy(terminal: Terminal, resource: ResourceArgument) -> None:
    """Delete the policy of a resource."""
    terminal.api.delete(_path(resource))
    terminal.output.done(f"deleted the policy of {resource}")


def _path(resource: str) -> str:
    return f"/v1/resource-policies/{quoted(resource)}"
