"""`iam user ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands
from iam.terminal.options import (
    BoundaryOption,
    DescriptionOption,
    LimitOption,
    NameArgument,
    NewNameArgument,
    PathOption,
    PathPrefixOption,
    StatusOption,
    TagsOption,
)
from iam.terminal.principals import (
    PRINCIPAL_COLUMNS,
    add_groups,
    add_principal_commands,
    parse_tags,
)
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

DisplayNameOption = Annotated[
    str | None, typer.Option("--display-name", metavar="TEXT", help="Full name.")
]
EmailOption = Annotated[
    str | None, typer.Option("--email", metavar="ADDRESS", help="Information; identifies nobody.")
]

commands = Commands("user", about="People.")


@commands.command("create", examples=("user create alice --display-name 'Alice Ng'",))
def create_user(
    terminal: Terminal,
    name: NewNameArgument,
    *,
    display_name: DisplayNameOption = None,
    email: EmailOption = None,
    description: DescriptionOption = None,
    path: PathOption = None,
    tag: TagsOption = None,
    boundary: BoundaryOption = None,
) -> None:
    """Create a user."""
    terminal.create(
        "/v1/users",
        name=name,
        display_name=display_name,
        email=email,
        description=description,
        path=path,
        tags=parse_tags(tag),
        permissions_boundary=boundary,
    )


@commands.command("list", examples=("user list --path-prefix /support/", "user list --json"))
def list_users(
    terminal: Terminal,
    *,
    path_prefix: PathPrefixOption = None,
    status: StatusOption = None,
    limit: LimitOption = None,
) -> None:
    """List users, oldest first."""
    columns = (*PRINCIPAL_COLUMNS, Column("Display name"), Column("Email"), Column("Id"))
    terminal.list("/v1/users", columns, limit=limit, path_prefix=path_prefix, status=status)


@commands.command("update", examples=("user update alice --email alice@example.com",))
def update_user(
    terminal: Terminal,
    user: NameArgument,
    *,
    display_name: DisplayNameOption = None,
    email: EmailOption = None,
    description: DescriptionOption = None,
) -> None:
    """Change a user; what is not given stays as it is."""
    terminal.update(
        terminal.refer(user, "user"),
        display_name=display_name,
        email=email,
        description=description,
    )


add_principal_commands(commands, "user")
add_groups(commands, "user")
