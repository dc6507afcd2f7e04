"""What the facts of an installation mean, and what to do about each. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

SAMPLED: Final = 1000
"""How many of the latest audited requests are looked at for where they come from."""
FEW: Final = 20
"""So few requests say nothing about where requests come from."""
MOST: Final = 0.9
SKEW: Final = timedelta(seconds=30)
BACKUP_LATE, BACKUP_LOST = timedelta(days=2), timedelta(days=7)
VERIFIED_LATE: Final = timedelta(days=8)
WORKER_GONE: Final = timedelta(minutes=10)
OUTBOX_LATE: Final = timedelta(minutes=5)
SEAL_LATE: Final = timedelta(minutes=5)
EXPIRY_NEAR: Final = timedelta(days=14)
TAINTED_LATELY: Final = timedelta(days=7)
ROTATION_LATE: Final = timedelta(days=1)
DISK_BYTES: Final = 256 << 20


class Grade(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """Somebody should look."""
    ERROR = "error"
    """Something does not work, or will be lost."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check.

    Attributes:
        check: What was looked at.
        grade: How it came out.
        text: What was found, in one line.
        advice: What to do; empty if all is well.
    """

    check: str
    grade: Grade
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The signing keys of one purpose: since when the active one signs, and what else there is."""

    active_since: datetime | None = None
    has_prepared: bool = False
    tainted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of an installation; times are by the clock of who reads.

    Attributes:
        addresses: How many of the latest requests came from each address.
        skew: By how much the clock of who reads is ahead of the database's; `None` on SQLite.
        settled_until: How far the schedule of the job that is furthest is settled.
        unwell_jobs: The last run of each enabled job whose last run did not succeed: its status.
    """

    now: datetime
    issuer: str
    addresses: Mapping[str, int] = field(default_factory=dict)
    skew: timedelta | None = None
    schema: str | None = None
    head: str | None = None
    backup_at: datetime | None = None
    verified_at: datetime | None = None
    keys: Mapping[str, Key] = field(default_factory=dict)
    rotation: timedelta = timedelta(days=90)
    publish_lead: timedelta = timedelta(hours=24)
    mail_routes: int = 0
    mail_fails_since: datetime | None = None
    settled_until: datetime | None = None
    unwell_jobs: Mapping[str, str] = field(default_factory=dict)
    outbox_since: datetime | None = None
    dead: int = 0
    expiring: int = 0
    administrators: int = 0
    unsealed_since: datetime | None = None
    disk_free: int | None = None


def judge(facts: Facts) -> Iterator[Diagnosis]:
    """Every check, in the order in which one would look."""
    yield judge_schema(facts.schema, facts.head)
    yield judge_transport(facts.issuer)
    yield judge_addresses(facts.addresses)
    yield judge_clock(facts.skew, "the database's")
    yield judge_administrators(facts.administrators)
    for purpose, key in facts.keys.items():
        yield _judge_key(purpose, key, facts)
    yield _judge_backup(facts)
    yield _judge_worker(facts)
    yield _judge_jobs(facts.unwell_jobs)
    yield _judge_outbox(facts)
    yield _judge_mail(facts)
    yield _judge_credentials(facts.expiring)
    yield _judge_seal(facts)
    yield judge_disk(facts.disk_free)


def judge_schema(found: str | None, head: str | None) -> Diagnosis:
    """The revision of the database, and that of the code; it serves, or nothing was read."""
    if found == head:
        return Diagnosis("schema", Grade.OK, f"the schema is {found}")
    text = f"the schema is {found}, newer than the {head} of this code"
    return Diagnosis("schema", Grade.WARNING, text, "finish the update of all replicas")


def judge_transport(issuer: str) -> Diagnosis:
    """Whether tokens and secrets travel in the clear."""
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return Diagnosis("transport", Grade.OK, f"the issuer is {issuer}")
    if _is(host, "is_loopback"):
        return Diagnosis("transport", Grade.OK, f"the issuer is {issuer}")
    advice = "let a proxy speak TLS, and set IAM_ISSUER to its https address"
    return Diagnosis("transport", Grade.WARNING, "the issuer is reached without TLS", advice)


def judge_addresses(addresses: Mapping[str, int]) -> Diagnosis:
    """Whether most requests seem to come from one machine inside: a proxy that nobody named."""
    total = sum(addresses.values())
    most = max(addresses, key=lambda each: addresses[each], default=None)
    if most is None or total < FEW or addresses[most] < MOST * total or not _is(most, "is_private"):
        return Diagnosis("addresses", Grade.OK, f"{len(addresses)} addresses in {total} requests")
    text = f"{addresses[most]} of the latest {total} requests seem to come from {most}"
    advice = "if that is a proxy or a mesh, set IAM_TRUSTED_PROXIES to its network"
    return Diagnosis("addresses", Grade.WARNING, text, advice)


def _is(address: str, what: str) -> bool:
    try:
        return bool(getattr(ip_address(address), what))
    except ValueError:
        return False


def judge_clock(skew: timedelta | None, other: str, check: str = "clock") -> Diagnosis:
    """How far a clock is from another one (CK-06)."""
    if skew is None:
        return Diagnosis(check, Grade.OK, "there is one clock")
    seconds = abs(skew.total_seconds())
    if abs(skew) <= SKEW:
        return Diagnosis(check, Grade.OK, f"{seconds:.1f} s from {other}")
    where = "ahead of" if skew > timedelta(0) else "behind"
    text = f"this clock is {seconds:.0f} s {where} {other}"
    return Diagnosis(check, Grade.ERROR, text, "let NTP set the clocks of all machines")


def judge_administrators(count: int) -> Diagnosis:
    """How many can administer the installation."""
    if count > 1:
        return Diagnosis("administrators", Grade.OK, f"{count} can administer `main`")
    if count:
        advice = "add another one, so that the loss of one credential locks nobody out"
        return Diagnosis("administrators", Grade.WARNING, "one can administer `main`", advice)
    advice = "on the host, `iam rescue --local --reason TEXT` opens a way back in"
    return Diagnosis("administrators", Grade.ERROR, "nobody can administer `main`", advice)


def _judge_key(purpose: str, key: Key, facts: Facts) -> Diagnosis:
    check = f"key {purpose}"
    if key.active_since is None:
        advice = "`iam job run rotate-signing-keys`"
        return Diagnosis(check, Grade.ERROR, "no key signs", advice)
    age = facts.now - key.active_since
    if age > facts.rotation + ROTATION_LATE:
        text = (
            f"the key signs for {age.days} days; it was to be rotated after {facts.rotation.days}"
        )
        return Diagnosis(check, Grade.WARNING, text, "`iam job history rotate-signing-keys`")
    if age > facts.rotation - facts.publish_lead + ROTATION_LATE and not key.has_prepared:
        text = "the key is to be rotated soon, and no next one is published"
        return Diagnosis(check, Grade.WARNING, text, "`iam job history rotate-signing-keys`")
    if key.tainted_at is not None and facts.now - key.tainted_at < TAINTED_LATELY:
        text = f"a key was tainted on {key.tainted_at:%Y-%m-%d}; what it signed has ended"
        return Diagnosis(check, Grade.WARNING, text, "find out how it got out, if nobody has yet")
    return Diagnosis(check, Grade.OK, f"the key signs for {age.days} days")


def _judge_backup(facts: Facts) -> Diagnosis:
    if facts.backup_at is None:
        advice = "`iam job run create-backup`, and see `iam backup --help`"
        return Diagnosis("backup", Grade.WARNING, "there is no backup", advice)
    age = facts.now - facts.backup_at
    advice = "`iam job history create-backup`"
    if age > BACKUP_LATE:
        grade = Grade.ERROR if age > BACKUP_LOST else Grade.WARNING
        return Diagnosis("backup", grade, f"the newest backup is {age.days} days old", advice)
    if facts.verified_at is None or facts.now - facts.verified_at > VERIFIED_LATE:
        text = "no backup was restored into a scratch database within a week"
        return Diagnosis("backup", Grade.WARNING, text, "`iam backup verify FILE`")
    return Diagnosis(
        "backup", Grade.OK, f"the newest backup is {age.total_seconds() / 3600:.0f} h old"
    )


def _judge_worker(facts: Facts) -> Diagnosis:
    since = facts.settled_until
    if since is None or facts.now - since > WORKER_GONE:
        text = "no worker runs: " + (
            "no job ever ran" if since is None else f"none since {_at(since)}"
        )
        advice = "start `iam worker`; on SQLite the server itself is the worker"
        return Diagnosis("worker", Grade.ERROR, text, advice)
    return Diagnosis("worker", Grade.OK, "a worker keeps the schedule")


def _judge_jobs(unwell: Mapping[str, str]) -> Diagnosis:
    if not unwell:
        return Diagnosis("jobs", Grade.OK, "the last run of every job succeeded")
    text = ", ".join(f"{job} ({status})" for job, status in sorted(unwell.items()))
    return Diagnosis("jobs", Grade.WARNING, f"not well: {text}", "`iam job history JOB` says why")


def _judge_outbox(facts: Facts) -> Diagnosis:
    since = facts.outbox_since
    if since is not None and facts.now - since > OUTBOX_LATE:
        text = f"an event waits since {_at(since)} to be handed on"
        return Diagnosis("deliveries", Grade.ERROR, text, "is a worker running?")
    if facts.dead:
        advice = "`iam webhook --help` tells how to list and replay them"
        return Diagnosis("deliveries", Grade.WARNING, f"{facts.dead} deliveries are dead", advice)
    return Diagnosis("deliveries", Grade.OK, "nothing waits for long, and nothing is dead")


def _judge_mail(facts: Facts) -> Diagnosis:
    if not facts.mail_routes:
        advice = "`iam mail --help` tells how to name an SMTP server"
        return Diagnosis("mail", Grade.WARNING, "no mail can be sent: there is no route", advice)
    if facts.mail_fails_since is not None:
        text = f"no mail got out since {_at(facts.mail_fails_since)}"
        return Diagnosis("mail", Grade.ERROR, text, "`iam mail --help` tells how to test a route")
    return Diagnosis("mail", Grade.OK, f"{facts.mail_routes} routes, and none fails")


def _judge_credentials(expiring: int) -> Diagnosis:
    if not expiring:
        return Diagnosis("credentials", Grade.OK, "none ends within two weeks")
    text = f"{expiring} credentials end within two weeks"
    return Diagnosis("credentials", Grade.WARNING, text, "`iam credential list --expiring 14d`")


def _judge_seal(facts: Facts) -> Diagnosis:
    since = facts.unsealed_since
    if since is None or facts.now - since <= SEAL_LATE:
        return Diagnosis("audit log", Grade.OK, "its seal is up to date")
    text = f"entries wait for their seal since {_at(since)}"
    return Diagnosis("audit log", Grade.ERROR, text, "is a worker running? its log says why not")


def judge_disk(free: int | None) -> Diagnosis:
    """What is free where the data directory is, in bytes."""
    if free is None:
        return Diagnosis("disk", Grade.OK, "there is no data directory")
    if free >= DISK_BYTES:
        return Diagnosis("disk", Grade.OK, f"{free >> 30} GiB are free at the data directory")
    text = f"only {free >> 20} MiB are free at the data directory"
    return Diagnosis("disk", Grade.WARNING, text, "make room: a full disk stops every change")


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"
