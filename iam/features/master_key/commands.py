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

    from iam.features.master_key.rules import RecoveryCopy
    from iam.runtime import Runtime
    from iam.terminal.host import HostSettings

Answer = TypeVar("Answer")
_COLUMNS: Final = (
    Column("Key"),
    Column("State"),
    Column("At hand", "is_at_hand"),
    Column("Values"),
)
_RECIPIENT_COLUMNS: Final = (
    Column("Recipient"),
    Column("Created", "created_at"),
    Column("Confirmed", "confirmed_at"),
)
OutputOption = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="A new file, which only you can read.")
]
IdentityOption = Annotated[
    Path, typer.Option("--identity", metavar="FILE", help="The recovery key, as age writes it.")
]
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


def keygen(terminal: Terminal, *, output: OutputOption) -> None:
    """Make a recovery key. Keep the file away from here: it opens every backup.

    `age-keygen` makes the same; do it on another machine if you can.
    """
    from iam.kit.age import Identity
    from iam.kit.private_files import create_private_file

    identity = Identity.new()
    recipient = str(identity.recipient)
    content = f"# public key: {recipient}\n{identity.text}\n"
    create_private_file(output.absolute(), content.encode())
    terminal.output.done(recipient, {"recipient": recipient, "file": str(output)})


def escrow(
    terminal: Terminal,
    *,
    recipient: Annotated[
        str, typer.Option("--recipient", metavar="age1...", help="The public recovery key.")
    ],
    output: OutputOption = Path("iam-recovery-copy.age"),
    local: LocalOption = False,
) -> None:
    """Write a copy of the master key that only a recovery key opens.

    It counts once somebody has opened it, and confirmed that with the code inside: see `iam
    master-key confirm`. Backups are written for the same recovery keys.
    """
    demand_local("master-key escrow", local=local)
    from iam.features.master_key.service import add_recipient
    from iam.kit.private_files import create_private_file
    from iam.terminal.host import root_of

    async def add(runtime: "Runtime") -> str:
        async with runtime.begin(root_of(runtime)) as uow:
            copy = await add_recipient(uow, recipient=recipient)
        _warn("recovery_copy_made_on_host", recipient=recipient)
        return copy

    copy = _run(add)
    create_private_file(output.absolute(), copy.encode())
    terminal.output.done(f"{output}", {"file": str(output), "recipient": recipient})
    terminal.output.remark(
        "open it where the recovery key is (`age --decrypt -i KEY FILE`, or "
        f"`{own_name()} master-key recover FILE --identity KEY`), and give the code in it to "
        f"`{own_name()} master-key confirm CODE --local`; keep the copy with the key"
    )


def confirm(
    terminal: Terminal,
    code: Annotated[str, typer.Argument(metavar="CODE", help="What the copy calls confirmation.")],
    *,
    local: LocalOption = False,
) -> None:
    """Show that a recovery copy opens, by the code inside. From then on there are backups."""
    demand_local("master-key confirm", local=local)
    from iam.features.master_key.service import confirm_recipient
    from iam.terminal.host import root_of

    async def take(runtime: "Runtime") -> str:
        async with runtime.begin(root_of(runtime)) as uow:
            return (await confirm_recipient(uow, code=code)).recipient

    recipient = _run(take)
    terminal.output.done(f"{recipient} can recover the master key", {"recipient": recipient})


def recipients(terminal: Terminal, *, local: LocalOption = False) -> None:
    """List the recovery keys, by their public halves."""
    demand_local("master-key recipients", local=local)
    from iam.features.master_key.queries import list_recipients
    from iam.terminal.host import root_of

    async def find(runtime: "Runtime") -> list[dict[str, Any]]:
        async with runtime.begin(root_of(runtime), read_only=True) as uow:
            return [
                {
                    "recipient": row.recipient,
                    "created_at": row.created_at.isoformat(),
                    "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
                }
                for row in await list_recipients(uow)
            ]

    terminal.output.records(_RECIPIENT_COLUMNS, _run(find))


def remove_recipient(
    terminal: Terminal,
    recipient: Annotated[str, typer.Argument(metavar="age1...", help="The public recovery key.")],
    *,
    local: LocalOption = False,
) -> None:
    """Write nothing for this recovery key any more. It still opens what was written for it."""
    demand_local("master-key remove-recipient", local=local)
    from iam.features.master_key.service import remove_recipient as remove
    from iam.terminal.host import root_of

    async def take(runtime: "Runtime") -> None:
        async with runtime.begin(root_of(runtime)) as uow:
            await remove(uow, recipient=recipient)

    _run(take)
    terminal.output.done("removed; to shut it out for good, rotate the master key as well")


def recover(
    terminal: Terminal,
    copy: Annotated[Path, typer.Argument(metavar="FILE", help="The recovery copy.")],
    *,
    identity: IdentityOption,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the master keys to this new file."),
    ] = None,
) -> None:
    """Open a recovery copy. Needs neither a server nor a database.

    Shows the confirmation code; with `--output` it writes the file for IAM_MASTER_KEY_FILE.
    """
    from iam.kit.private_files import create_private_file

    found = _opened(copy, identity)
    if output is not None:
        lines = b"".join(key.hex().encode() + b"\n" for key in found.in_order)
        create_private_file(output.absolute(), lines)
    terminal.output.record(
        {
            "installation": found.installation,
            "created_at": found.created_at,
            "confirmation": found.confirmation,
            "keys": list(found.keys),
            "file": str(output) if output else None,
        }
    )


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
    ("keygen", keygen, ("master-key keygen --output recovery-key.txt",)),
    ("escrow", escrow, ("master-key escrow --recipient age1... --local",)),
    ("confirm", confirm, ("master-key confirm CODE --local",)),
    ("recipients", recipients, ("master-key recipients --local",)),
    ("remove-recipient", remove_recipient, ("master-key remove-recipient age1... --local",)),
    ("recover", recover, ("master-key recover FILE --identity KEY --output master.key",)),
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


def _opened(copy: Path, identity: Path) -> "RecoveryCopy":
    from iam.errors import unavailable
    from iam.features.master_key.queries import read_identities
    from iam.features.master_key.rules import RecoveryCopy
    from iam.kit.age import decrypt

    try:
        content = copy.read_bytes()
    except OSError as error:
        raise unavailable("file_unreadable", f"cannot read `{copy}`: {error.strerror}") from None
    return RecoveryCopy.parse(decrypt(content, read_identities(identity)))


def _warn(event: str, **values: str) -> None:
    """An alarm for whoever watches the logs of this host: no policy allowed this."""
    import structlog

    structlog.get_logger(__name__).warning(event, **values)
