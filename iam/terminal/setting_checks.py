"""Whether the settings of this host can work: everything that is wrong with them, at once.

No text holds a value, except for the paths of files: a wrong value may be a secret at the wrong
place.
"""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from iam.errors import IamError
from iam.kit import schema
from iam.kit.database import Database
from iam.kit.outbound import Outbound
from iam.kit.sealing import load_master_keys
from iam.kit.setting_sources import CONFIG_FILE, Found, nearest, variable_of
from iam.kit.setting_table import setting_rows
from iam.settings import Reading, Settings, examine_settings
from iam.terminal.failures import ExitCode
from iam.terminal.host import sqlite_file
from iam.terminal.own_name import own_name

FOREIGN: Final = frozenset({
    "IAM_CLIENT_ID", "IAM_CLIENT_SECRET", "IAM_CLIENT_SECRET_FILE", "IAM_PRIVATE_KEY_FILE",
    "IAM_AUDIENCE", "IAM_COMMAND", CONFIG_FILE,
})  # fmt: skip
"""Variables that are no settings and have a meaning all the same: the SDK's, and our own."""
DATABASE: Final = "database"
"""What findings are about that may be no fault of a setting."""
_DRIVERS: Final = frozenset({"sqlite+aiosqlite", "postgresql+asyncpg"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or odd.

    Attributes:
        grade: Whether the server would refuse to start or to work.
        about: The variable, or what else it is about.
        text: What is wrong.
        advice: What to do; may be empty.
    """

    grade: Literal["error", "warning"]
    about: str
    text: str
    advice: str = ""


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """What these findings come to, for `$?`."""
    about = {finding.about for finding in findings if finding.grade == "error"}
    if not about:
        return ExitCode.OK
    return ExitCode.UNAVAILABLE if about == {DATABASE} else ExitCode.CONFIGURATION


async def check_settings() -> list[Finding]:
    """Everything that is wrong with the settings of this host."""
    reading = examine_settings()
    findings = [*_unreadable(reading), *_strangers(reading.found)]
    if reading.settings is not None:
        settings = reading.settings
        findings += [*judge(settings), *_files(settings), *_master_key(settings)]
        findings += [finding async for finding in _database(settings)]
    return findings


def _unreadable(reading: Reading) -> Iterator[Finding]:
    for problem in reading.problems:
        about, colon, text = problem.partition(": ")
        yield Finding("error", about if colon else "settings", text if colon else problem)


def _strangers(found: Found) -> Iterator[Finding]:
    known = {row.variable for row in setting_rows(Settings)} | FOREIGN
    for variable in found.strangers:
        if variable not in FOREIGN:
            meant = nearest(variable, known)
            advice = f"`{meant}` perhaps?" if meant else f"see `{own_name()} config show`"
            yield Finding("warning", variable, "is no setting, and has no effect", advice)


def judge(settings: Settings) -> Iterator[Finding]:
    """What does not go together. Looks at nothing but the settings."""
    credentials, keys, jobs = settings.credentials, settings.keys, settings.jobs
    if credentials.client_secret_ttl > credentials.client_secret_max_ttl:
        yield _exceeds("credentials.client_secret_ttl", "credentials.client_secret_max_ttl")
    if keys.publish_lead >= keys.rotation:
        yield _exceeds("keys.publish_lead", "keys.rotation")
    if jobs.poll >= jobs.lease:
        yield _exceeds("jobs.poll", "jobs.lease")
    if settings.database_lock_timeout > settings.database_statement_timeout:
        yield _exceeds("database_lock_timeout", "database_statement_timeout", grade="warning")
    yield from _judge_address(settings)


def _exceeds(one: str, other: str, *, grade: Literal["error", "warning"] = "error") -> Finding:
    return Finding(grade, variable_of(one), f"must be less than {variable_of(other)}")


def _judge_address(settings: Settings) -> Iterator[Finding]:
    if settings.is_reached_beyond_its_name:
        yield Finding(
            "warning",
            "IAM_ISSUER",
            "other machines may come in, and are sent to a name of this one",
            "set IAM_ISSUER to the address under which other machines reach this service",
        )
    if settings.issuer.startswith("http://") and settings.allow_http_internal:
        yield Finding(
            "warning",
            "IAM_ALLOW_HTTP_INTERNAL",
            "tokens and secrets travel in the clear",
            "let a proxy speak TLS, and set IAM_ISSUER to its https address",
        )
    if settings.public_url.startswith("https://") and not settings.trusted_proxies:
        yield Finding(
            "warning",
            "IAM_TRUSTED_PROXIES",
            "is not set, though a proxy must be speaking TLS: every request will seem to be its",
            "set it to the network of the proxy",
        )


def _files(settings: Settings) -> Iterator[Finding]:
    if settings.ca_bundle is not None:
        try:
            Outbound(ca_bundle=settings.ca_bundle)
        except IamError as error:
            yield Finding("error", "IAM_CA_BUNDLE", error.message)
    written = {"IAM_BACKUP__DIRECTORY": settings.backup_directory}
    if sqlite_file(settings) is not None:
        written["IAM_DATA_DIR"] = settings.data_dir
    if settings.audit.checkpoint_file is not None:
        written["IAM_AUDIT__CHECKPOINT_FILE"] = settings.audit.checkpoint_file
    for variable, path in written.items():
        if not _is_writable(path.absolute()):
            yield Finding("error", variable, f"nothing can be written at {path}")


def _is_writable(path: Path) -> bool:
    """Whether this process may write there, or make what is missing on the way."""
    found = path
    while not found.exists() and found != found.parent:
        found = found.parent
    return os.access(found, os.W_OK) and (found == path or found.is_dir())


def _master_key(settings: Settings) -> Iterator[Finding]:
    file, database = settings.effective_master_key_file, sqlite_file(settings)
    is_first_start = database is not None and not database.exists()
    if is_first_start and settings.master_key_file is None and not file.exists():
        return  # the server will make one
    try:
        load_master_keys(file)
    except IamError as error:
        yield Finding("error", "IAM_MASTER_KEY_FILE", error.message)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        url = make_url(settings.effective_database_url)
    except ArgumentError:
        yield Finding("error", "IAM_DATABASE_URL", "is no address of a database")
        return
    if url.drivername not in _DRIVERS:
        yield Finding(
            "error", "IAM_DATABASE_URL", "expected postgresql+asyncpg://... or sqlite+aiosqlite://"
        )
        return
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return  # the server will make it
    database = Database(settings.effective_database_url)
    try:
        await database.ping()
        found = await schema.current_revision(database)
    except (DBAPIError, OSError, TimeoutError) as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        yield Finding("error", DATABASE, f"does not answer ({cause})", "check IAM_DATABASE_URL")
        return
    finally:
        await database.close()
    if not schema.serves(found) and not settings.auto_migrate:
        yield Finding(
            "error",
            DATABASE,
            f"expected the schema {schema.HEAD}, found {found or 'an empty database'}",
            f"run `{own_name()} migrate --local`",
        )
