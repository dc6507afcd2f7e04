"""What commands share that work on this host's own database instead of asking a server."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iam.terminal.failures import usage
from iam.terminal.own_name import own_name

if TYPE_CHECKING:
    from iam.runtime import Runtime
    from iam.terminal.host import HostSettings, Prepare

START_SECONDS: Final = 15.0
"""How long a server that is starting is waited for; on a busy machine that takes seconds."""
_POLL_SECONDS: Final = 0.1

LocalOption = Annotated[
    bool,
    typer.Option(
        "--local", help="Confirm: this works on the database of this host, as the account's root."
    ),
]


def demand_local(command: str, *, local: bool) -> None:
    """Raise `Failure` unless the person has confirmed where the command works."""
    if not local:
        raise usage(
            f"`{command}` works on this host's own database, not on a server",
            f"say so: `{own_name()} {command} --local ...`, where the server runs",
        )


@asynccontextmanager
async def local_runtime(
    settings: "HostSettings", *, role: str, prepare: "Prepare", migrates: bool = True
) -> "AsyncIterator[Runtime]":
    """The runtime of this host's installation, whether its server runs or not.

    Without `migrates` the schema stays as it is, and another one than that of this code is refused.
    """
    import structlog

    from iam.terminal.host import opened_runtime, sole_use

    # What the server's parts log on the way is no part of the answer.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    serves = await is_served(settings)
    async with AsyncExitStack() as stack:
        if not serves:  # a server that runs has prepared everything, and holds the lock
            stack.enter_context(sole_use(settings, role=role))
        opening = opened_runtime(settings, prepare=prepare, migrates=migrates and not serves)
        yield await stack.enter_async_context(opening)


async def is_served(settings: "HostSettings", *, patience: float = START_SECONDS) -> bool:
    """Whether a server has this host's SQLite database; one that is starting is waited for.

    `patience` is in seconds. After that, and while another command has the database, the answer is
    no: whoever then wants it alone is told who has it.
    """
    import asyncio  # not at the top: it is a quarter of what `iam --help` imports

    from iam.terminal.host import is_server_starting, server_url

    for turn in range(round(patience / _POLL_SECONDS)):
        if not is_server_starting(settings):
            break
        if turn == 0:
            print("the server is starting; waiting for it", file=sys.stderr, flush=True)  # noqa: T201 -- to the person who waits
        await asyncio.sleep(_POLL_SECONDS)
    return server_url(settings) is not None
