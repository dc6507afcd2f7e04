"""`iam user ...`."""

from typing import Annotated

import typer

from iam.terminal.commands import Commands, LimitOption
from iam.terminal.principals import PRINCIPAL_COLUMNS, TagsOption, add_common_commands, parse_tags
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

commands = Commands("user", about="People.")
add_common_commands(commands, "user")


@commands.command("create", examples=("user create alice --display-name 'Alice Ng'",))
def create_user(
    terminal: Terminal,
    name: str,
    *,
    display_name: Annotated[str | None, typer.Option(help="Full name.")] = None,
    email: Annotated[str | None, typer.Option(help="For information; identifies nobody.")] = None,
    description: Annotated[str, typer.Option(help="What for.")] = "",
    path: Annotated[str, typer.Option(help="Folder, part of the ARN.")] = "/",
    tag: TagsOption = None,
) -> None:
    """Create a user."""
    body = {
        "name": name,
        "path": path,
        "display_name": display_name,
        "email": email,
        "description": description,
        "tags": parse_tags(tag),
    }
    terminal.created(terminal.api.post("/v1/users", body))


@commands.command("list", examples=("user list --path-prefix /support/",))
def list_users(
    terminal: Terminal,
    *,
    path_prefix: Annotated[str | None, typer.Option(help="Only below this path.")] = None,
    status: Annotated[str | None, typer.Option(help="active or disabled.")] = None,
    limit: LimitOption = None,
) -> None:
    """List users, oldest first."""
    columns = (*PRINCIPAL_COLUMNS, Column("Display name"), Column("Email"), Column("Id"))
    terminal.list("/v1/users", columns, limit=limit, path_prefix=path_prefix, status=status)


@commands.command("update", examples=("user update alice --email alice@example.com",))
def update_user(
    terminal: Terminal,
    user: str,
    *,
    display_name: Annotated[str | None, typer.Option(help="Full name.")] = None,
    email: Annotated[str | None, typer.Option(help="For information; identifies nobody.")] = None,
    description: Annotated[str | None, typer.Option(help="What for.")] = None,
) -> None:
    """Change a user; what is not given stays as it is."""
    terminal.update(
        terminal.refer(user, "user"),
        display_name=display_name,
        email=email,
        description=description,
    )
