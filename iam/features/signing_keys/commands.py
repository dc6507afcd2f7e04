"""`iam keys ...`."""

from typing import Annotated, Any

import typer

from iam.terminal.commands import Commands
from iam.terminal.options import LimitOption
from iam.terminal.references import quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

_COLUMNS = (
    Column("Kid"),
    Column("Purpose"),
    Column("Algorithm"),
    Column("State"),
    Column("Published", "published_at"),
    Column("Activates", "activates_at"),
    Column("Leaves", "leaves_at"),
    Column("Tainted", "tainted_at"),
)

commands = Commands("keys", about="The keys that sign tokens.")


@commands.command("list", examples=("keys list", "keys list --state active"))
def list_keys(
    terminal: Terminal,
    *,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="prepared, active, retiring or gone."),
    ] = None,
    limit: LimitOption = None,
) -> None:
    """List signing keys, oldest first."""
    terminal.list("/v1/signing-keys", _COLUMNS, limit=limit, state=state)


@commands.command("rotate", examples=("keys rotate",))
def rotate_keys(terminal: Terminal) -> None:
    """Prepare the next key; or, once it has been published long enough, sign with it."""
    _show(terminal, terminal.api.post("/v1/signing-keys:rotate"))


@commands.command("taint", examples=("keys taint KID",))
def taint_key(
    terminal: Terminal,
    kid: Annotated[str, typer.Argument(metavar="KID", help="Key id; see `iam keys list`.")],
) -> None:
    """Trust a key no more: every token that it signed ends at once."""
    _show(terminal, terminal.api.post(f"/v1/signing-keys/{quoted(kid)}:taint"))


def _show(terminal: Terminal, answer: dict[str, Any]) -> None:
    terminal.output.records(_COLUMNS, answer["items"])
