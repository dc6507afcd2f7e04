"""Seals anew, and stops for ever in the middle of a unit of work: to be killed there.

Run with the URL of the database, a directory, and the master keys in hexadecimal, that which is in
use first.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from iam.features.master_key.service import reseal
from iam.runtime import Runtime
from iam.settings import Settings
from iam.work import UnitOfWork

SAYS = "in the middle"
_UNITS = 3


async def main(url: str, directory: str, *keys: str) -> None:
    """Reseal until the fourth unit of work has changed its rows, and not committed them."""
    first, *older = (bytes.fromhex(key) for key in keys)
    settings = Settings(database_url=url, data_dir=Path(directory))
    runtime = Runtime(settings, master_key=first, older=older)
    begun = 0

    @asynccontextmanager
    async def begin() -> AsyncIterator[UnitOfWork]:
        nonlocal begun
        async with runtime.begin_as_root() as uow:
            yield uow
            begun += 1
            if begun > _UNITS:
                await uow.flush()
                print(SAYS, flush=True)  # noqa: T201 -- to the test that waits for it
                time.sleep(600)  # noqa: ASYNC251 -- nothing else shall happen in this process

    await reseal(begin, told=lambda _done, _total: None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
