"""`iam catalogue ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.options import DocumentArgument, LimitOption
from iam.terminal.references import Reference
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

PrefixArgument = Annotated[
    str, typer.Argument(metavar="PREFIX", help="What stands before the colon: billing.")
]
_COLUMNS = (
    Column("Prefix"),
    Column("Owner", lambda row: row["owner"]["arn"].rpartition(":")[2] if row["owner"] else ""),
    Column("Shipped", "is_shipped"),
    Column("Updated at"),
)

commands = Commands("catalogue", about="Action catalogues: which actions a service has.")


@commands.command(
    "put",
    examples=(
        "catalogue put billing @catalogue.json",
        "catalogue put billing @catalogue.json --owner service/billing",
    ),
)
def put_catalogue(
    terminal: Terminal,
    prefix: PrefixArgument,
    document: DocumentArgument,
    *,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="SERVICE", help="Whose prefix it is; default: the caller."),
    ] = None,
) -> None:
    """Register the actions under a prefix, or replace what its owner registered.

    A document without a `prefix` is taken to be about this one.
    """
    found = read_json(document)
    body = {"document": {"prefix": prefix, **found} if isinstance(found, dict) else found}
    if owner is not None:
        body["owner"] = str(terminal.refer(owner, "service"))
    answer = terminal.api.put_over(_path(terminal, prefix), body)
    count = len(answer["document"]["actions"])
    terminal.output.done(f"`{prefix}` has {count} action{'s' if count > 1 else ''}", answer)


@commands.command("list", examples=("catalogue list",))
def list_catalogues(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List catalogues: the server's own first."""
    terminal.list("/v1/action-catalogues", _COLUMNS, limit=limit)


@commands.command("show", examples=("catalogue show billing", "catalogue show iam --json"))
def show_catalogue(terminal: Terminal, prefix: PrefixArgument) -> None:
    """Show a catalogue."""
    terminal.output.record(terminal.api.get(_path(terminal, prefix)))


@commands.command("delete", examples=("catalogue delete billing",))
def delete_catalogue(terminal: Terminal, prefix: PrefixArgument) -> None:
    """Delete a catalogue; its prefix is free again."""
    terminal.deleted(_reference(terminal, prefix))


def _reference(terminal: Terminal, prefix: str) -> Reference:
    return terminal.refer(prefix, "action-catalogue")


def _path(terminal: Terminal, prefix: str) -> str:
    return _reference(terminal, prefix).path
