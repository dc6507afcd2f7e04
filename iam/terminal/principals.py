"""Commands that users, services, roles, groups and policies have alike."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from iam.terminal.commands import Commands
from iam.terminal.failures import usage
from iam.terminal.options import LimitOption, NameArgument
from iam.terminal.references import Reference
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

PRINCIPAL_COLUMNS: Final = (Column("Name"), Column("Path"), Column("Status"))
GROUP_COLUMNS: Final = (Column("Name"), Column("Path"), Column("Description"), Column("Id"))


def parse_tags(given: Sequence[str] | None) -> dict[str, str]:
    """Tags that were given as `KEY=VALUE`. Raises `Failure` for other text."""
    tags = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise usage(f"expected a tag as KEY=VALUE, found `{text}`")
        tags[key] = value
    return tags


def add_principal_commands(commands: Commands, kind: str) -> None:
    """Add what every principal has: show, delete, disable, enable, tag and untag."""
    add_show(commands, kind)
    add_delete(commands, kind)
    _add_switch(commands, kind, "disable", f"Disable a {kind}: every token it has ends at once.")
    _add_switch(commands, kind, "enable", f"Enable a {kind} again; older tokens stay ended.")
    add_tags(commands, kind)


def add_show(commands: Commands, kind: str) -> None:
    """Add `show`."""

    def show(terminal: Terminal, name: NameArgument) -> None:
        terminal.output.record(terminal.api.get(terminal.refer(name, kind).path))

    show.__doc__ = f"Show a {kind}."
    commands.command("show", examples=(f"{kind} show NAME --json",))(show)


def add_delete(commands: Commands, kind: str) -> None:
    """Add `delete`."""

    def delete(terminal: Terminal, name: NameArgument) -> None:
        terminal.deleted(terminal.refer(name, kind))

    delete.__doc__ = f"Delete a {kind} for good."
    commands.command("delete")(delete)


def add_tags(commands: Commands, kind: str) -> None:
    """Add `tag` and `untag`."""

    def tag(
        terminal: Terminal,
        name: NameArgument,
        tags: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Tags.")],
    ) -> None:
        reference = terminal.refer(name, kind)
        body = {"tags": parse_tags(tags)}
        _tell_tags(terminal, reference, terminal.api.post(f"{reference.path}/tags", body))

    def untag(
        terminal: Terminal,
        name: NameArgument,
        keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of tags.")],
    ) -> None:
        reference = terminal.refer(name, kind)
        answer = terminal.api.delete(f"{reference.path}/tags", key=keys)
        _tell_tags(terminal, reference, answer)

    tag.__doc__ = f"Add tags to a {kind}, or give present ones a new value."
    untag.__doc__ = f"Remove tags from a {kind}."
    commands.command("tag", examples=(f"{kind} tag NAME team=payments",))(tag)
    commands.command("untag", examples=(f"{kind} untag NAME team",))(untag)


def add_groups(commands: Commands, kind: str) -> None:
    """Add `groups`, for those who can be in one."""

    def groups(terminal: Terminal, name: NameArgument, *, limit: LimitOption = None) -> None:
        reference = terminal.refer(name, kind)
        terminal.list(f"{reference.path}/groups", GROUP_COLUMNS, limit=limit)

    groups.__doc__ = f"List the groups that a {kind} is in."
    commands.command("groups")(groups)


def _add_switch(commands: Commands, kind: str, verb: str, about: str) -> None:
    def switch(terminal: Terminal, name: NameArgument) -> None:
        reference = terminal.refer(name, kind)
        answer = terminal.api.post(f"{reference.path}:{verb}")
        terminal.output.done(f"{reference} is {answer['status']}", answer)

    switch.__doc__ = about
    commands.command(verb)(switch)


def _tell_tags(terminal: Terminal, reference: Reference, answer: dict[str, Any]) -> None:
    tags = ", ".join(f"{key}={value}" for key, value in answer["tags"].items()) or "none"
    terminal.output.done(f"tags of {reference}: {tags}", answer)
