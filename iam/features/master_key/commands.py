"""`iam master-key ...`: on the host, which has the key file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from iam.terminal.commands import Commands, declare
from iam.terminal.failures import misconfigured
from iam.terminal.local import LocalOption, demand_local, local_runtime
from iam.terminal.own_name import own_name
from iam.terminal.progress import Progress
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iam.runtime import Runtime
    from iam.terminal.host import HostSettings

Answer = TypeVar("Answer")
_COLUMNS: Final = (
    Column("Key"),
    Column("State"),
    Column("At hand", "is_at_hand"),
    Column("Values"),
)
KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="Its id; see `iam master-key status`.")
]

commands = Commands(
    "master-key", about="The key that seals what is stored, and who can recover it."
)


def status(terminal: Terminal, *, local: LocalOption = False) -> None:
    """Show every master key, and how many stored values need it."""
    demand_local("master-key status", local=local)
    terminal.output.records(_COLUMNS, _run(_status))


def rotate(
    terminal: Terminal,
    *,
    local: LocalOption = False,
    activate: Annotated[
        bool, typer.Option("--activate", help="Every replica has the new key: seal with it.")
    ] = False,
) -> None:
    """Put a new master key into the key file; then, once every replica has it, seal with it.

    On SQLite both at once. On PostgreSQL give the new file to every replica first, and then say
    `--activate`. A job seals what is stored anew; `iam master-key retire` ends the old key.
    """
    demand_local("master-key rotate", local=local)
    settings = _settings()

    async def turn(runtime: "Runtime") -> tuple[str, bool]:
        key_id = await _provide(runtime, settings.effective_master_key_file)
        is_alone = runtime.database.is_sqlite
        if activate or is_alone:
            await _activate(runtime, key_id)
        return key_id, activate or is_alone

    key_id, is_active = _run(turn, settings)
    state = "active" if is_active else "prepared"
    terminal.output.done(f"master key {key_id} is {state}", {"key_id": key_id, "state": state})
    if is_active:
        terminal.output.remark(f"`{own_name()} master-key status --local` shows what is left to do")
    else:
        terminal.output.remark(
            f"give {settings.effective_master_key_file} to every replica and worker, and then: "
            f"`{own_name()} master-key rotate --local --activate`"
        )


def reseal(terminal: Terminal, *, local: LocalOption = False) -> None:
    """Seal everything stored anew with the active key, now, instead of waiting for the job.

    Requests go on meanwhile. Interrupted, it goes on where it was.
    """
    demand_local("master-key reseal", local=local)
    from iam.features.master_key.service import reseal as seal_anew
    from iam.terminal.host import root_of

    with Progress("values") as progress:

        async def seal(runtime: "Runtime") -> list[str]:
            return await seal_anew(lambda: runtime.begin(root_of(runtime)), told=progress.told)

        unreadable = _run(seal)
    terminal.output.done(
        "everything that opens is sealed with the active key", {"unreadable": unreadable}
    )
    for place in unreadable:
        terminal.output.remark(f"does not open, and was left as it is: {place}")


def retire(terminal: Terminal, key: KeyArgument, *, local: LocalOption = False) -> None:
    """Take a key out of the key file, when nothing stored needs it any more.

    Backups of its time then open with a recovery key alone.
    """
    demand_local("master-key retire", local=local)
    settings = _settings()

    async def end(runtime: "Runtime") -> None:
        from iam.features.master_key.service import retire_key
        from iam.terminal.host import root_of

        async with runtime.begin(root_of(runtime)) as uow:
            await retire_key(uow, key_id=key)
        _rewrite(settings.effective_master_key_file, without=key)

    _run(end, settings)
    terminal.output.done(f"master key {key} is retired, and out of the key file", {"key_id": key})


for _name, _function, _examples in (
    ("status", status, ("master-key status --local",)),
    ("rotate", rotate, ("master-key rotate --local", "master-key rotate --local --activate")),
    ("reseal", reseal, ("master-key reseal --local",)),
    ("retire", retire, ("master-key retire KEY --local",)),
):
    declare(commands.typer, _name, examples=_examples, connects=False)(_function)


def _settings() -> "HostSettings":
    from iam.terminal.host import read_host_settings

    return read_host_settings()


def _run(
    work: "Callable[[Runtime], Awaitable[Answer]]", settings: "HostSettings | None" = None
) -> Answer:
    """Do this with the installation of this host, whether its server runs or not."""
    import asyncio

    async def run() -> Answer:
        opening = local_runtime(settings or _settings(), role="master-key", prepare=_prepare)
        async with opening as runtime:
            return await work(runtime)

    return asyncio.run(run())


async def _prepare(runtime: "Runtime") -> None:
    from iam.features.master_key.service import use_active_key
    from iam.terminal.host import root_of

    async with runtime.begin(root_of(runtime)) as uow:
        await use_active_key(uow)


async def _status(runtime: "Runtime") -> list[dict[str, Any]]:
    from iam.features.master_key.service import list_status
    from iam.terminal.host import root_of

    async with runtime.begin(root_of(runtime), read_only=True) as uow:
        return [
            {
                "key": each.key_id,
                "state": each.state,
                "is_at_hand": each.is_at_hand,
                "values": each.values,
            }
            for each in await list_status(uow)
        ]


async def _provide(runtime: "Runtime", key_file: Path) -> str:
    """The key that comes next: one that somebody put into the key file, or a new one."""
    from iam.features.master_key.service import provide_key
    from iam.kit.sealing import load_master_keys, new_master_key, save_master_keys
    from iam.terminal.host import root_of

    async with runtime.begin(root_of(runtime)) as uow:
        found = await provide_key(uow)
    if found is None:
        # In the file first: what is in the database must be at hand.
        keys = [*load_master_keys(key_file), new_master_key()]
        save_master_keys(key_file, keys)
        runtime.tools.sealer.add(keys)
        async with runtime.begin(root_of(runtime)) as uow:
            found = await provide_key(uow)
    if found is None:
        raise misconfigured(f"`{key_file}` does not hold the key that was written to it")
    return found.key_id


async def _activate(runtime: "Runtime", key_id: str) -> None:
    from iam.features.master_key.service import activate_key
    from iam.terminal.host import root_of

    async with runtime.begin(root_of(runtime)) as uow:
        await activate_key(uow, key_id=key_id)
    _warn("master_key_rotated_on_host", key_id=key_id)


def _rewrite(key_file: Path, *, without: str) -> None:
    from iam.kit.sealing import key_id_of, load_master_keys, save_master_keys

    kept = [key for key in load_master_keys(key_file) if key_id_of(key) != without]
    save_master_keys(key_file, kept)


def _warn(event: str, **values: str) -> None:
    """An alarm for whoever watches the logs of this host: no policy allowed this."""
    import structlog

    structlog.get_logger(__name__).warning(event, **values)
