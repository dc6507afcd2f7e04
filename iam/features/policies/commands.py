"""`iam policy ...`."""

from typing import Annotated

import typer

from iam.features.policies.local_commands import add_commands
from iam.terminal.commands import Commands
from iam.terminal.documents import read_json
from iam.terminal.first_policy import default_name, first_policy
from iam.terminal.options import (
    DescriptionOption,
    DocumentArgument,
    LimitOption,
    NameArgument,
    NewNameArgument,
    PathOption,
    PathPrefixOption,
    TagsOption,
)
from iam.terminal.principals import add_delete, add_tags, parse_tags
from iam.terminal.references import HOLDERS, Reference, quoted
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help="Such as v2; see `iam policy versions`.")
]
HoldersArgument = Annotated[
    list[str],
    typer.Argument(metavar="HOLDER...", help="user/NAME, service/NAME, role/NAME or group/NAME."),
]
_COLUMNS = (
    Column("Name"),
    Column("Path"),
    Column("Default", "default_version_id"),
    Column("Shipped", "is_shipped"),
    Column("Description"),
    Column("Id"),
)
_VERSION_COLUMNS = (
    Column("Version", "version_id"),
    Column("Default", "is_default"),
    Column("Created at"),
)
_ENTITY_COLUMNS = (
    Column("Holder", lambda row: f"{row['kind']}/{row['name']}"),
    Column("Usage"),
    Column("Id"),
)
_ATTACHED_COLUMNS = (Column("Name"), Column("Attached at"), Column("Id"))

commands = Commands("policy", about="Managed policies: documents, versions, who has them.")


@commands.command(
    "new",
    examples=(
        (
            "policy new --who service/orders --can 'billing:Get*' "
            "--on 'arn:iam:billing::main:invoice/*'"
        ),
        "policy new --who group/support --can tickets:ListTickets --on '*' --print",
    ),
)
def new_policy(
    terminal: Terminal,
    *,
    who: Annotated[str, typer.Option("--who", metavar="HOLDER", help="Who may: service/orders.")],
    can: Annotated[
        list[str],
        typer.Option("--can", metavar="ACTION", help="What: billing:Get*; may be repeated."),
    ],
    on: Annotated[list[str], typer.Option("--on", metavar="ARN", help="On what; may be repeated.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The policy's name.")
    ] = None,
    prints: Annotated[
        bool, typer.Option("--print", help="Only print the document; change nothing.")
    ] = False,
) -> None:
    """Write a first policy, create it and attach it: WHO can do WHAT on WHICH."""
    holder = terminal.refer(who, *HOLDERS)
    text, document = first_policy(can, on)
    if prints:
        terminal.output.text(text)
        return
    terminal.api.get(holder.path)  # before a policy is made that then has no holder
    name = name or default_name(holder.name, can)
    made = terminal.api.post("/v1/policies", {"name": name, "document": document})
    terminal.api.put(_attachment(holder, made["id"]))
    if terminal.output.as_json:
        terminal.output.json({**made, "document": document})
    else:
        terminal.output.text(f"{text}\n\nis policy `{name}`, attached to {holder}")


@commands.command("create", examples=("policy create read-invoices @policy.json",))
def create_policy(
    terminal: Terminal,
    name: NewNameArgument,
    document: DocumentArgument,
    *,
    description: DescriptionOption = None,
    path: PathOption = None,
    tag: TagsOption = None,
) -> None:
    """Create a managed policy; its document becomes version v1."""
    terminal.create(
        "/v1/policies",
        name=name,
        document=read_json(document),
        description=description,
        path=path,
        tags=parse_tags(tag),
    )


@commands.command("list", examples=("policy list --scope local",))
def list_policies(
    terminal: Terminal,
    *,
    scope: Annotated[
        str | None,
        typer.Option("--scope", metavar="SCOPE", help="local (your own), shipped or all."),
    ] = None,
    path_prefix: PathPrefixOption = None,
    limit: LimitOption = None,
) -> None:
    """List policies, oldest first."""
    terminal.list("/v1/policies", _COLUMNS, limit=limit, path_prefix=path_prefix, scope=scope)


@commands.command(
    "show", examples=("policy show read-invoices", "policy show read-invoices --version v1")
)
def show_policy(
    terminal: Terminal,
    policy: NameArgument,
    *,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Default: what counts.")
    ] = None,
) -> None:
    """Show a policy with the document that counts."""
    reference = terminal.refer(policy, "policy")
    found = terminal.api.get(reference.path)
    wanted = version or found["default_version_id"]
    document = terminal.api.get(f"{reference.path}/versions/{quoted(wanted)}")
    terminal.output.record({**found, **document})


@commands.command("update", examples=("policy update read-invoices --description 'for support'",))
def update_policy(
    terminal: Terminal, policy: NameArgument, *, description: DescriptionOption = None
) -> None:
    """Change the description. A new document is a new version: `iam policy add-version`."""
    terminal.update(terminal.refer(policy, "policy"), description=description)


@commands.command("versions")
def list_versions(terminal: Terminal, policy: NameArgument) -> None:
    """List the versions of a policy, newest first."""
    terminal.list(f"{terminal.refer(policy, 'policy').path}/versions", _VERSION_COLUMNS)


@commands.command(
    "add-version", examples=("policy add-version read-invoices @policy.json --set-default",)
)
def add_version(
    terminal: Terminal,
    policy: NameArgument,
    document: DocumentArgument,
    *,
    set_default: Annotated[
        bool, typer.Option("--set-default", help="From now on this version counts.")
    ] = False,
) -> None:
    """Add a version to a policy; there may be five."""
    reference = terminal.refer(policy, "policy")
    body = {"document": read_json(document), "set_as_default": set_default}
    made = terminal.api.post(f"{reference.path}/versions", body)
    counts = "it counts now" if made["is_default"] else "it does not count yet"
    terminal.output.done(f"{reference} has version {made['version_id']}; {counts}", made)


@commands.command("set-default", examples=("policy set-default read-invoices v1",))
def set_default_version(terminal: Terminal, policy: NameArgument, version: VersionArgument) -> None:
    """Make a version the one that counts."""
    reference = terminal.refer(policy, "policy")
    answer = terminal.api.post(f"{reference.path}/versions/{quoted(version)}:set-default")
    terminal.output.done(f"{reference}: {version} counts now", answer)


@commands.command("delete-version")
def delete_version(terminal: Terminal, policy: NameArgument, version: VersionArgument) -> None:
    """Delete a version that is not the default one."""
    reference = terminal.refer(policy, "policy")
    terminal.api.delete(f"{reference.path}/versions/{quoted(version)}")
    terminal.output.done(f"deleted {version} of {reference}")


add_delete(commands, "policy")
add_tags(commands, "policy")
add_commands(commands.typer)


@commands.command("attach", examples=("policy attach ReadOnlyAccess group/support user/alice",))
def attach_policy(terminal: Terminal, policy: NameArgument, holders: HoldersArgument) -> None:
    """Attach a policy to users, services, roles and groups."""
    for holder in _named(terminal, holders):
        answer = terminal.api.put(_attachment(holder, policy))
        terminal.output.done(f"`{answer['name']}` is attached to {holder}", answer)


@commands.command("detach", examples=("policy detach ReadOnlyAccess user/alice",))
def detach_policy(terminal: Terminal, policy: NameArgument, holders: HoldersArgument) -> None:
    """Detach a policy from users, services, roles and groups."""
    for holder in _named(terminal, holders):
        terminal.api.delete(_attachment(holder, policy))
        terminal.output.done(f"`{policy}` is not attached to {holder}")


@commands.command("attached", examples=("policy attached service/orders",))
def list_attached(
    terminal: Terminal,
    holder: Annotated[
        str,
        typer.Argument(metavar="HOLDER", help="user/NAME, service/NAME, role/NAME, group/NAME."),
    ],
    *,
    limit: LimitOption = None,
) -> None:
    """List the policies that are attached to somebody."""
    path = f"{terminal.refer(holder, *HOLDERS).path}/attached-policies"
    terminal.list(path, _ATTACHED_COLUMNS, limit=limit)


@commands.command("holders", examples=("policy holders AdministratorAccess",))
def list_holders(terminal: Terminal, policy: NameArgument, *, limit: LimitOption = None) -> None:
    """List who has a policy, and whom it limits as permissions boundary."""
    path = f"{terminal.refer(policy, 'policy').path}/entities"
    terminal.list(path, _ENTITY_COLUMNS, limit=limit)


def _named(terminal: Terminal, holders: list[str]) -> list[Reference]:
    """All references, read before anything is changed."""
    return [terminal.refer(holder, *HOLDERS) for holder in holders]


def _attachment(holder: Reference, policy: str) -> str:
    return f"{holder.path}/attached-policies/{quoted(policy)}"
