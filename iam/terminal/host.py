"""The installation on this host: settings, master key, lock and schema, as a door needs them.

For `serve` and the `--local` commands. What cannot work is refused here, in words that say what to
do, before anything is served or written.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from iam.errors import IamError
from iam.kit import schema
from iam.kit.database_lock import DatabaseLock, find_holder, locked_database
from iam.kit.ids import IdKind, new_id
from iam.kit.sealing import create_master_key, load_master_keys
from iam.models import MAIN_ACCOUNT
from iam.runtime import Runtime
from iam.settings import Settings, SettingsError, read_settings
from iam.terminal.failures import ExitCode, Failure, misconfigured
from iam.terminal.own_name import own_name
from iam.work import Caller

SERVER_ROLE = "server"
_MISCONFIGURED = frozenset({"master_key_wrong", "master_key_missing", "restore_unfinished"})

HostSettings: TypeAlias = Settings
"""The settings by the name under which a command may pass them on."""

Prepare = Callable[[Runtime], Awaitable[None]]
"""Makes what every installation must have; a feature's business, handed in by a door."""


def read_host_settings(**overrides: Any) -> Settings:
    """The settings of this host; raises `Failure` that lists every wrong one."""
    try:
        return read_settings(**overrides)
    except SettingsError as error:
        raise unusable(str(error).splitlines()) from None


def unusable(problems: Sequence[str]) -> Failure:
    """The failure for settings with these problems."""
    lines = ["the settings cannot be used", *(f"  {problem}" for problem in problems)]
    return misconfigured("\n".join(lines), f"`{own_name()} config check` looks further")


def sqlite_file(settings: Settings) -> Path | None:
    """The SQLite file that these settings use; `None` on PostgreSQL."""
    url = make_url(settings.effective_database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


@contextmanager
def sole_use(settings: Settings, *, role: str) -> Iterator[DatabaseLock | None]:
    """Keep other processes off a SQLite database; PostgreSQL is for any number, so `None`.

    Raises `IamError` of kind `conflict` when another process has it.
    """
    # Whatever is created meanwhile is its user's alone (SR-10).
    before = os.umask(0o077)
    file = sqlite_file(settings)
    try:
        with nullcontext() if file is None else locked_database(file, role=role) as lock:
            yield lock
    finally:
        os.umask(before)


def server_url(settings: Settings) -> str | None:
    """Where the server serves that has this SQLite database now; `None` when none does."""
    file = sqlite_file(settings)
    holder = find_holder(file) if file is not None else None
    return holder.url or None if holder is not None and holder.role == SERVER_ROLE else None


def is_server_starting(settings: Settings) -> bool:
    """Whether a server has this SQLite database and does not serve yet."""
    file = sqlite_file(settings)
    holder = find_holder(file) if file is not None else None
    # Whoever has only just taken it has not said who it is.
    return holder is not None and not holder.url and (holder.role == SERVER_ROLE or not holder.pid)


def find_master_key(settings: Settings) -> list[bytes]:
    """The master keys; one is made here if there is nothing yet that another could have sealed.

    That is: no file was named, and there is no SQLite database. Whoever lost a key must hear of it
    and not be given a new one (SR-04). Call this with `sole_use`.
    """
    key_file, database = settings.effective_master_key_file, sqlite_file(settings)
    is_new = database is not None and not database.exists() and settings.master_key_file is None
    try:
        if is_new and not key_file.exists():
            return [create_master_key(key_file)]
        return load_master_keys(key_file)
    except IamError as error:
        raise misconfigured(error.message, _key_advice(error.code, settings)) from None


@asynccontextmanager
async def opened_runtime(
    settings: Settings, *, prepare: Prepare, migrates: bool
) -> AsyncIterator[Runtime]:
    """The runtime of these settings, its schema up to date and its installation prepared.

    Raises `Failure` when the database does not answer, or its schema is not the one of this code
    and `migrates` is false.
    """
    runtime = build_runtime(settings)
    try:
        with _clear_texts(settings):
            await _demand_schema(runtime, migrates=migrates)
            await prepare(runtime)
        yield runtime
    finally:
        await runtime.database.close()


def build_runtime(settings: Settings) -> Runtime:
    """The runtime of these settings, not started, on whatever the database holds."""
    key_file = settings.effective_master_key_file
    master_key, *more = find_master_key(settings)
    return Runtime(
        settings, master_key=master_key, older=more, reread=lambda: load_master_keys(key_file)
    )


def root_of(runtime: Runtime, account: str = MAIN_ACCOUNT) -> Caller:
    """The account's root: who acts when the host itself does."""
    return Caller.root(
        account=account,
        partition=runtime.settings.partition,
        request_id=new_id(IdKind.REQUEST, runtime.clock.now()),
    )


@contextmanager
def _clear_texts(settings: Settings) -> Iterator[None]:
    try:
        yield
    except IamError as error:
        if error.code in _MISCONFIGURED:
            raise misconfigured(error.message) from None
        raise
    except (DBAPIError, OSError, TimeoutError) as error:
        raise no_database(settings, error) from None


async def _demand_schema(runtime: Runtime, *, migrates: bool) -> None:
    if migrates:
        await migrate(runtime)
        return
    found = await schema.current_revision(runtime.database)
    if not schema.serves(found):
        raise misconfigured(
            f"expected the database schema {schema.HEAD}, found {found or 'an empty database'}",
            f"run `{own_name()} migrate --local` once, with the same settings",
        )


async def migrate(runtime: Runtime) -> bool:
    """Bring the schema up to date; returns whether anything was to do."""
    try:
        return await schema.upgrade(runtime.database)
    except schema.MigrationError as error:
        raise misconfigured(
            f"the database schema cannot be brought up to date: {error}",
            "a newer version of iam may have been here: run that one",
        ) from None


def _key_advice(code: str, settings: Settings) -> str:
    if code != "file_missing":
        return ""
    if sqlite_file(settings) is None or settings.master_key_file is not None:
        return (
            "no key is made here by itself. For a new installation: "
            "`(umask 077; openssl rand -hex 32 > FILE)`, and set IAM_MASTER_KEY_FILE to FILE"
        )
    return (
        "there is a database already, and only the key it was made with can open it: "
        "put that file back, or set IAM_MASTER_KEY_FILE. No new key was made"
    )


def no_database(settings: Settings, error: Exception) -> Failure:
    """The failure for a database that does not answer, whose address may hold a password."""
    # Not the driver's text: it may quote the address.
    url = make_url(settings.effective_database_url)
    place = url.database if url.get_backend_name() == "sqlite" else f"{url.host}:{url.port or 5432}"
    cause = type(getattr(error, "orig", None) or error).__name__
    return Failure(
        f"the database at `{place}` cannot be used ({cause})",
        advice="check IAM_DATABASE_URL, and that the database runs and lets this user in",
        exit_code=ExitCode.UNAVAILABLE,
    )
