"""The commands of `iam master-key` that are about recovery."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from iam.terminal.commands import declare
from iam.terminal.local import LocalOption, demand_local, local_runtime
from iam.terminal.own_name import own_name
from iam.terminal.tables import Column
from iam.terminal.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iam.features.recovery.rules import RecoveryCopy
    from iam.runtime import Runtime

Answer = TypeVar("Answer")
_COLUMNS: Final = (
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


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `iam master-key`."""
    for name, function, examples in (
        ("keygen", keygen, ("master-key keygen --output recovery-key.txt",)),
        ("escrow", escrow, ("master-key escrow --recipient age1... --local",)),
        ("confirm", confirm, ("master-key confirm CODE --local",)),
        ("recipients", recipients, ("master-key recipients --local",)),
        ("remove-recipient", remove_recipient, ("master-key remove-recipient age1... --local",)),
        ("recover", recover, ("master-key recover FILE --identity KEY --output master.key",)),
    ):
        declare(app, name, examples=examples, connects=False)(function)


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
    import structlog

    from iam.features.recovery.service import add_recipient
    from iam.kit.private_files import create_private_file
    from iam.terminal.host import root_of

    async def add(runtime: "Runtime") -> str:
        async with runtime.begin(root_of(runtime)) as uow:
            copy = await add_recipient(uow, recipient=recipient)
        # An alarm for whoever watches the logs of this host: no policy allowed this.
        structlog.get_logger(__name__).warning("recovery_copy_made_on_host", recipient=recipient)
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
    from iam.features.recovery.service import confirm_recipient
    from iam.terminal.host import root_of

    async def take(runtime: "Runtime") -> str:
        async with runtime.begin(root_of(runtime)) as uow:
            return (await confirm_recipient(uow, code=code)).recipient

    recipient = _run(take)
    terminal.output.done(f"{recipient} can recover the master key", {"recipient": recipient})


def recipients(terminal: Terminal, *, local: LocalOption = False) -> None:
    """List the recovery keys, by their public halves."""
    demand_local("master-key recipients", local=local)
    from iam.features.recovery.queries import list_recipients
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

    terminal.output.records(_COLUMNS, _run(find))


def remove_recipient(
    terminal: Terminal,
    recipient: Annotated[str, typer.Argument(metavar="age1...", help="The public recovery key.")],
    *,
    local: LocalOption = False,
) -> None:
    """Write nothing for this recovery key any more. It still opens what was written for it."""
    demand_local("master-key remove-recipient", local=local)
    from iam.features.recovery.service import remove_recipient as remove
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


def _run(work: "Callable[[Runtime], Awaitable[Answer]]") -> Answer:
    """Do this with the installation of this host, whether its server runs or not."""
    import asyncio

    from iam.terminal.host import read_host_settings

    async def run() -> Answer:
        opening = local_runtime(read_host_settings(), role="master-key", prepare=_prepare)
        async with opening as runtime:
            return await work(runtime)

    return asyncio.run(run())


async def _prepare(runtime: "Runtime") -> None:
    from iam.features.master_key.service import use_active_key
    from iam.terminal.host import root_of

    async with runtime.begin(root_of(runtime)) as uow:
        await use_active_key(uow)


def _opened(copy: Path, identity: Path) -> "RecoveryCopy":
    from iam.errors import unavailable
    from iam.features.recovery.queries import read_identities
    from iam.features.recovery.rules import RecoveryCopy
    from iam.kit.age import decrypt

    try:
        content = copy.read_bytes()
    except OSError as error:
        raise unavailable("file_unreadable", f"cannot read `{copy}`: {error.strerror}") from None
    return RecoveryCopy.parse(decrypt(content, read_identities(identity)))
