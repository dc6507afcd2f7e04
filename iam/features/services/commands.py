"""`iam service ...`."""

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

AudiencesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--audience",
        metavar="URI",
        help="What tokens for it may name, beside its ARN; may be repeated.",
    ),
]
_OWNER_HELP = "The group or user that looks after it: group/payments."

commands = Commands("service", about="Workloads that act by themselves.")


@commands.command(
    "create",
    examples=(
        "service create billing --owner group/payments",
        "service create billing --owner group/payments --audience https://billing.example.com",
    ),
)
def create_service(
    terminal: Terminal,
    name: NewNameArgument,
    *,
    owner: Annotated[str, typer.Option("--owner", metavar="REFERENCE", help=_OWNER_HELP)],
    audience: AudiencesOption = None,
    description: DescriptionOption = None,
    path: PathOption = None,
    tag: TagsOption = None,
    boundary: BoundaryOption = None,
) -> None:
    """Create a service. Its first credential: `iam credential create`."""
    terminal.create(
        "/v1/services",
        name=name,
        owner=owner,
        audiences=audience or [],
        description=description,
        path=path,
        tags=parse_tags(tag),
        permissions_boundary=boundary,
    )


@commands.command("list", examples=("service list", "service list --status disabled"))
def list_services(
    terminal: Terminal,
    *,
    path_prefix: PathPrefixOption = None,
    status: StatusOption = None,
    limit: LimitOption = None,
) -> None:
    """List services, oldest first."""
    owner = Column("Owner", lambda record: record["owner"]["arn"].rpartition(":")[2])
    columns = (*PRINCIPAL_COLUMNS, owner, Column("Id"))
    terminal.list("/v1/services", columns, limit=limit, path_prefix=path_prefix, status=status)


@commands.command("update", examples=("service update billing --owner user/alice",))
def update_service(
    terminal: Terminal,
    service: NameArgument,
    *,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="REFERENCE", help=_OWNER_HELP)
    ] = None,
    audience: AudiencesOption = None,
    description: DescriptionOption = None,
) -> None:
    """Change a service. The audiences given replace all it had."""
    terminal.update(
        terminal.refer(service, "service"),
        owner=owner,
        audiences=audience or None,
        description=description,
    )


add_principal_commands(commands, "service")
add_groups(commands, "service")
