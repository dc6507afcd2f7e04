"""`iam backup restore`."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iam.terminal.commands import declare
from iam.terminal.failures import misconfigured
from iam.terminal.local import LocalOption, demand_local
from iam.terminal.own_name import own_name
from iam.terminal.progress import Progress
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from iam.features.backup.service import OpenBackup
    from iam.features.restore.queries import Present
    from iam.features.restore.service import Restored
    from iam.kit.sealing import Sealer
    from iam.terminal.host import HostSettings

_ENDINGS: Final = ("", "-wal", "-shm")
"""The files of one SQLite database."""


def add_commands(app: typer.Typer) -> None:
    """Add the command to `iam backup`."""
    declare(
        app,
        "restore",
        examples=(
            "backup restore FILE --local",
            "backup restore FILE --local --replace",
            "backup restore FILE --local --identity recovery-key.txt",
        ),
        connects=False,
    )(restore)


def restore(
    terminal: Terminal,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    *,
    local: LocalOption = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of what is in the database.")
    ] = False,
    accept_revoked_secrets: Annotated[
        bool,
        typer.Option(
            "--accept-revoked-secrets",
            help="Let credentials work that may have been revoked since the backup.",
        ),
    ] = False,
    revocations: Annotated[
        list[Path] | None,
        typer.Option(
            "--revocations",
            metavar="FILE",
            help="The checkpoint file of the audit log: end again what it says has ended since, "
            "and quarantine nothing else. Once for each file.",
        ),
    ] = None,
    identity: Annotated[
        Path | None,
        typer.Option(
            "--identity",
            metavar="FILE",
            help="Open it with this recovery key, which brings the master keys along.",
        ),
    ] = None,
) -> None:
    """Restore a backup, on the host of the server, which must not run.

    Every token, session and code of before is refused afterwards, and the signing keys are new.
    Credentials are quarantined: some of them may have been revoked since the backup. With the
    checkpoint files of the audit log it is known which.
    """
    demand_local("backup restore", local=local)
    import asyncio

    from iam.terminal.host import read_host_settings, sole_use

    settings = read_host_settings()
    with sole_use(settings, role="restore"), Progress("rows") as progress:
        done = asyncio.run(
            _restore(
                settings,
                file,
                identity=identity,
                replaces=replace,
                accepts_secrets=accept_revoked_secrets,
                lines=_lines_of(revocations),
                progress=progress,
            )
        )
    _tell(terminal, done)


def _tell(terminal: Terminal, done: "Restored") -> None:
    header = done.header
    terminal.output.done(
        f"{done.rows} rows restored: the state of {header.created_at}, installation "
        f"{header.installation}",
        {
            "backup": header.id,
            "installation": header.installation,
            "created_at": header.created_at,
            "rows": done.rows,
            "restore_epoch": done.restore_epoch,
            "quarantined": done.quarantined,
            "replayed": done.replayed,
        },
    )
    terminal.output.remark("every token of before is refused, and the signing keys are new")
    if done.replayed:
        terminal.output.remark(f"{done.replayed} things have ended again that had ended since")
    if done.quarantined:
        terminal.output.remark(
            f"{done.quarantined} credentials are quarantined: some may have been revoked since. "
            f"`{own_name()} bootstrap --local --service NAME` gives an administrator, and "
            f"`{own_name()} credential reactivate ID` puts one back into use"
        )


async def _restore(
    settings: "HostSettings",
    file: Path,
    *,
    identity: Path | None,
    replaces: bool,
    accepts_secrets: bool,
    lines: list[str] | None,
    progress: Progress,
) -> "Restored":
    from iam.features.backup.service import keys_for, opened
    from iam.features.restore.rules import ended_since
    from iam.features.restore.service import restore as restore_into
    from iam.terminal.host import build_runtime, root_of, sqlite_file
    from iam.work import begin_work

    key_file = settings.effective_master_key_file
    sealer, identities = keys_for(file, key_file=key_file, identity_file=identity)
    with opened(file, identities) as backup:
        since = datetime.fromisoformat(backup.header.created_at)
        target = sqlite_file(settings)
        present = await _look(settings, backup, replaces=replaces)
        _keep_keys(key_file, sealer)
        draft = None if target is None else target.with_name(f"{target.name}.restoring")
        if draft is not None:
            _remove(draft)  # left by a restore that was cut off
            url = f"sqlite+aiosqlite:///{draft.absolute()}"
            settings = settings.model_copy(update={"database_url": url})
        runtime = build_runtime(settings)
        try:
            done = await restore_into(
                runtime.tools,
                lambda: begin_work(runtime.tools, root_of(runtime)),
                backup,
                present=present,
                accepts_secrets=accepts_secrets,
                ended=None if lines is None else ended_since(lines, since=since),
                told=progress.told,
            )
        finally:
            await runtime.database.close()
    if target is not None and draft is not None:
        _swap(draft, target)
    return done


def _lines_of(files: list[Path] | None) -> list[str] | None:
    """What the checkpoint files of the audit log say; `None` without any."""
    from iam.errors import unavailable

    if not files:
        return None
    lines: list[str] = []
    for file in files:
        try:
            lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            message = f"cannot read `{file}`: {error.strerror}"
            raise unavailable("file_unreadable", message) from None
    return lines


async def _look(settings: "HostSettings", backup: "OpenBackup", *, replaces: bool) -> "Present":
    """What is there now, if the backup may take its place."""
    from iam.features.restore.queries import Present
    from iam.features.restore.service import check_replaceable, look_at
    from iam.kit.database import Database
    from iam.terminal.host import sqlite_file

    file = sqlite_file(settings)
    if file is not None and not file.exists():  # looking would make one
        return Present(is_empty=True)
    database = Database(settings.effective_database_url)
    try:
        present = await look_at(database)
    finally:
        await database.close()
    check_replaceable(present, backup.header, replaces=replaces)
    return present


def _keep_keys(key_file: Path, sealer: "Sealer") -> None:
    """Put what a recovery key has brought along into the key file; the server needs it."""
    from iam.errors import IamError
    from iam.kit.sealing import load_master_keys, save_master_keys

    wanted = list(sealer.master_keys.values())
    if key_file.exists() and load_master_keys(key_file) == wanted:
        return
    try:
        save_master_keys(key_file, wanted)
    except IamError as error:
        lines = len(wanted)
        raise misconfigured(
            f"the key file must hold {lines} keys from here on: {error.message}",
            f"`{own_name()} master-key recover` writes them to a file of your choice; "
            "point IAM_MASTER_KEY_FILE at it",
        ) from None


def _swap(draft: Path, target: Path) -> None:
    """Put the restored SQLite database in its place; what was there stays beside it."""
    kept = target.with_name(f"{target.name}.replaced")
    if target.exists():
        _remove(kept)
        # The log goes first: without its database it is nothing, with another one it is damage.
        for ending in reversed(_ENDINGS):
            part = Path(f"{target}{ending}")
            if part.exists():
                part.rename(f"{kept}{ending}")
    for ending in _ENDINGS[1:]:
        Path(f"{draft}{ending}").unlink(missing_ok=True)
    draft.rename(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def _remove(database: Path) -> None:
    for ending in _ENDINGS:
        Path(f"{database}{ending}").unlink(missing_ok=True)
