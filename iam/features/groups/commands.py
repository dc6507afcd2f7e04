"""`iam group ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.options import (
    DescriptionOption,
    LimitOption,
    NameArgument,
    NewNameArgument,
    PathOption,
    PathPrefixOption,
)
from iam.terminal.principals import GROUP_COLUMNS, add_delete, add_show
from iam.terminal.references import Reference
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

MembersArgument = Annotated[
    list[str], typer.Argument(metavar="MEMBER...", help="user/NAME or service/NAME.")
]
_MEMBER_COLUMNS = (Column("Member", lambda row: f"{row['kind']}/{row['name']}"), Column("Status"),
                   Column("Id"))  # fmt: skip

commands = Commands("group", about="Sets of people and services; they carry policies.")


@commands.command("create", examples=("group create payments",))
def create_group(
    terminal: Terminal,
    name: NewNameArgument,
    *,
    description: DescriptionOption = None,
    path: PathOption = None,
) -> None:
    """Create a group."""
    terminal.create("/v1/groups", name=name, description=description, path=path)


@commands.command("list")
def list_groups(
    terminal: Terminal, *, path_prefix: PathPrefixOption = None, limit: LimitOption = None
) -> None:
    """List groups, oldest first."""
    terminal.list("/v1/groups", GROUP_COLUMNS, limit=limit, path_prefix=path_prefix)


add_show(commands, "group")


@commands.command("update")
def update_group(
    terminal: Terminal, group: NameArgument, *, description: DescriptionOption = None
) -> None:
    """Change a group."""
    terminal.update(terminal.refer(group, "group"), description=description)


add_delete(commands, "group")


@commands.command("members", examples=("group members payments",))
def list_members(terminal: Terminal, group: NameArgument, *, limit: LimitOption = None) -> None:
    """List who is in a group."""
    path = f"{terminal.refer(group, 'group').path}/members"
    terminal.list(path, _MEMBER_COLUMNS, limit=limit)


@commands.command("add-member", examples=("group add-member payments user/alice service/billing",))
def add_member(terminal: Terminal, group: NameArgument, members: MembersArgument) -> None:
    """Put users and services into a group."""
    into, found = _named(terminal, group, members)
    for member in found:
        terminal.api.put(_address(into, member))
        terminal.output.done(f"{member} is in {into}")


@commands.command("remove-member", examples=("group remove-member payments user/alice",))
def remove_member(terminal: Terminal, group: NameArgument, members: MembersArgument) -> None:
    """Take users and services out of a group."""
    out_of, found = _named(terminal, group, members)
    for member in found:
        terminal.api.delete(_address(out_of, member))
        terminal.output.done(f"{member} is not in {out_of}")


def _named(terminal: Terminal, group: str, members: list[str]) -> tuple[Reference, list[Reference]]:
    """All references, read before anything is changed."""
    found = [terminal.refer(member, "user", "service") for member in members]
    return terminal.refer(group, "group"), found


def _address(group: Reference, member: Reference) -> str:
    return f"{group.path}/members/{member.kind}/{member.quoted}"
