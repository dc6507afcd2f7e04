"""`iam account ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.options import DescriptionOption, LimitOption
from iam.terminal.references import Reference
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name.")]
_COLUMNS = (Column("Name"), Column("Status"), Column("Description"), Column("Created at"))

commands = Commands("account", about="Isolated accounts inside this installation.")


@commands.command("create", examples=("account create acme --description 'Acme Ltd'",))
def create_account(
    terminal: Terminal, name: AccountArgument, *, description: DescriptionOption = None
) -> None:
    """Create an account.

    On the host, `iam bootstrap --local --account ACCOUNT --service NAME` makes its first
    administrator.
    """
    terminal.create("/v1/accounts", name=name, description=description)


@commands.command("list")
def list_accounts(terminal: Terminal, *, limit: LimitOption = None) -> None:
    """List accounts, by name."""
    terminal.list("/v1/accounts", _COLUMNS, limit=limit)


@commands.command("show")
def show_account(terminal: Terminal, account: AccountArgument) -> None:
    """Show an account."""
    terminal.output.record(terminal.api.get(_account(account).path))


@commands.command("update")
def update_account(
    terminal: Terminal, account: AccountArgument, *, description: DescriptionOption = None
) -> None:
    """Change an account."""
    terminal.update(_account(account), description=description)


@commands.command("suspend")
def suspend_account(terminal: Terminal, account: AccountArgument) -> None:
    """Suspend an account: nobody in it may act, and every token of it ends."""
    _switch(terminal, account, "suspend")


@commands.command("reactivate")
def reactivate_account(terminal: Terminal, account: AccountArgument) -> None:
    """Reactivate an account; tokens from before its suspension stay ended."""
    _switch(terminal, account, "reactivate")


@commands.command("delete")
def delete_account(terminal: Terminal, account: AccountArgument) -> None:
    """Delete a suspended account with everything in it, for good."""
    terminal.deleted(_account(account))


def _account(name: str) -> Reference:
    return Reference("account", name)


def _switch(terminal: Terminal, account: str, verb: str) -> None:
    reference = _account(account)
    answer = terminal.api.post(f"{reference.path}:{verb}")
    terminal.output.done(f"{reference} is {answer['status']}", answer)
