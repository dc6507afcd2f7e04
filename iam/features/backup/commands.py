"""`iam backup create|verify|list`. `iam backup restore` is another feature's."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iam.terminal.commands import Commands, declare
from iam.terminal.local import LocalOption, demand_local, local_runtime
from iam.terminal.progress import Progress
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from iam.features.backup.service import Verified
    from iam.models import Backup
    from iam.runtime import Runtime
    from iam.terminal.host import HostSettings

_COLUMNS = (
    Column("Created", "created_at"),
    Column("Rows"),
    Column("Size"),
    Column("Schema"),
    Column("Verified", "verified_at"),
    Column("Path"),
)

commands = Commands("backup", about="The whole database in one encrypted file, and back.")


def create(
    terminal: Terminal,
    *,
    local: LocalOption = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="The file. [a new one, IAM_BACKUP__DIRECTORY]"
        ),
    ] = None,
) -> None:
    """Back up the database, on the host of the server, while it runs.

    The file opens with the master key, and with every recovery key that was confirmed.
    """
    demand_local("backup create", local=local)
    import asyncio

    from iam.terminal.host import read_host_settings

    settings = read_host_settings()
    directory = settings.backup_directory if output is None else output.absolute().parent
    path = output.absolute() if output is not None else None
    with Progress("rows") as progress:
        made = asyncio.run(_create(settings, directory, path, progress))
    terminal.output.done(f"{made['rows']} rows in {made['path']}", made)


def verify(
    terminal: Terminal,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    *,
    identity: Annotated[
        Path | None,
        typer.Option("--identity", metavar="FILE", help="Open it with this recovery key instead."),
    ] = None,
) -> None:
    """Restore a backup into a scratch database, compare every row, open everything sealed.

    Needs no database and no server: the file, and the master key or a recovery key.
    """
    import asyncio

    from iam.terminal.host import read_host_settings

    with Progress("rows") as progress:
        found = asyncio.run(_verify(read_host_settings(), file, identity, progress))
    header = found.header
    terminal.output.done(
        f"{found.rows} rows and {found.values} sealed values came back, all of them; "
        f"installation {header.installation} at {header.created_at}",
        {
            "backup": header.id,
            "installation": header.installation,
            "created_at": header.created_at,
            "schema": header.schema,
            "database": header.database,
            "master_key": header.key_id,
            "rows": found.rows,
            "sealed_values": found.values,
        },
    )


def list_backups(terminal: Terminal, *, local: LocalOption = False) -> None:
    """List the backups that this installation knows of, newest first."""
    demand_local("backup list", local=local)
    import asyncio

    from iam.terminal.host import read_host_settings

    terminal.output.records(_COLUMNS, asyncio.run(_list(read_host_settings())))


for _name, _function, _examples in (
    ("create", create, ("backup create --local", "backup create --local --output /mnt/iam.backup")),
    ("verify", verify, ("backup verify FILE", "backup verify FILE --identity recovery-key.txt")),
    ("list", list_backups, ("backup list --local",)),
):
    declare(commands.typer, _name, examples=_examples, connects=False)(_function)


async def _create(
    settings: "HostSettings", directory: Path, path: Path | None, progress: Progress
) -> dict[str, Any]:
    from iam.features.backup.service import create_backup
    from iam.terminal.host import root_of

    async with _opened(settings) as runtime:
        row = await create_backup(
            runtime.tools,
            lambda: runtime.begin(root_of(runtime)),
            directory=directory,
            path=path,
            told=progress.told,
        )
    return _presented(row)


async def _verify(
    settings: "HostSettings", file: Path, identity: Path | None, progress: Progress
) -> "Verified":
    from iam.features.backup.service import keys_for, verify_backup

    key_file = settings.effective_master_key_file
    sealer, identities = keys_for(file, key_file=key_file, identity_file=identity)
    return await verify_backup(sealer, path=file, identities=identities, told=progress.told)


async def _list(settings: "HostSettings") -> list[dict[str, Any]]:
    from iam.features.backup.queries import list_backups as find
    from iam.terminal.host import root_of

    async with (
        _opened(settings) as runtime,
        runtime.begin(root_of(runtime), read_only=True) as uow,
    ):
        return [_presented(row) for row in await find(uow)]


def _opened(settings: "HostSettings") -> "AbstractAsyncContextManager[Runtime]":
    # Who upgrades wants a backup of what was there before.
    return local_runtime(settings, role="backup", prepare=_prepare, migrates=False)


async def _prepare(runtime: "Runtime") -> None:
    from iam.features.master_key.service import use_active_key
    from iam.terminal.host import root_of

    async with runtime.begin(root_of(runtime)) as uow:
        await use_active_key(uow)


def _presented(row: "Backup") -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": row.created_at.isoformat(),
        "path": row.path,
        "size": row.size,
        "rows": row.rows,
        "schema": row.schema_revision,
        "master_key": row.key_id,
        "verified_at": row.verified_at.isoformat() if row.verified_at else None,
    }
