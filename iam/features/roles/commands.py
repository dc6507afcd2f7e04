"""`iam role ...`."""

from typing import Annotated, Any

import typer

from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.durations import parse_duration
from iam.terminal.options import (
    BoundaryOption,
    DescriptionOption,
    DocumentArgument,
    LimitOption,
    NameArgument,
    NewNameArgument,
    PathOption,
    PathPrefixOption,
    StatusOption,
    TagsOption,
)
from iam.terminal.principals import PRINCIPAL_COLUMNS, add_principal_commands, parse_tags
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

SessionOption = Annotated[
    str | None,
    typer.Option("--max-session", metavar="DURATION", help="How long a session may last: 1h."),
]

commands = Commands("role", about="Principals without credentials, assumed by others.")


@commands.command("create", examples=("role create deployer @trust.json",))
def create_role(
    terminal: Terminal,
    name: NewNameArgument,
    trust_policy: DocumentArgument,
    *,
    max_session: SessionOption = None,
    description: DescriptionOption = None,
    path: PathOption = None,
    tag: TagsOption = None,
    boundary: BoundaryOption = None,
) -> None:
    """Create a role. The trust policy says who may assume it."""
    terminal.create(
        "/v1/roles",
        name=name,
        trust_policy=read_json(trust_policy),
        max_session_seconds=_seconds(max_session),
        description=description,
        path=path,
        tags=parse_tags(tag),
        permissions_boundary=boundary,
    )


@commands.command("list")
def list_roles(
    terminal: Terminal,
    *,
    path_prefix: PathPrefixOption = None,
    status: StatusOption = None,
    limit: LimitOption = None,
) -> None:
    """List roles, oldest first."""
    columns = (*PRINCIPAL_COLUMNS, Column("Description"), Column("Id"))
    terminal.list("/v1/roles", columns, limit=limit, path_prefix=path_prefix, status=status)


@commands.command("update", examples=("role update deployer --max-session 2h",))
def update_role(
    terminal: Terminal,
    role: NameArgument,
    *,
    max_session: SessionOption = None,
    description: DescriptionOption = None,
) -> None:
    """Change a role; what is not given stays as it is."""
    terminal.update(
        terminal.refer(role, "role"),
        max_session_seconds=_seconds(max_session),
        description=description,
    )


@commands.command("trust", examples=("role trust deployer @trust.json",))
def set_trust_policy(
    terminal: Terminal, role: NameArgument, trust_policy: DocumentArgument
) -> None:
    """Replace the trust policy: who may assume the role."""
    reference = terminal.refer(role, "role")
    body: dict[str, Any] = {"trust_policy": read_json(trust_policy)}
    answer = terminal.api.put(f"{reference.path}/trust-policy", body, whatever_version=True)
    terminal.output.done(f"{reference} trusts by the new policy now", answer)


add_principal_commands(commands, "role")


def _seconds(text: str | None) -> int | None:
    return None if text is None else int(parse_duration(text).total_seconds())
