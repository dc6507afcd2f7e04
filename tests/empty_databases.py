"""A database of PostgreSQL with nothing in it, and gone afterwards."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from tests.postgres import Server


@contextmanager
def empty_database(server: Server, name: str) -> Iterator[str]:
    """Make one, owned by the role `iam`; its URL.

    Only a superuser may drop it at any moment: the server itself may be at work in it (autovacuum),
    and nobody else may end that.
    """
    asyncio.run(_run(server.url, f"CREATE DATABASE {name}"))
    try:
        yield server.url_of(name)
    finally:
        asyncio.run(_run(server.superuser_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
