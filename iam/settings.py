"""Every knob, typed and frozen. A door reads them once and passes them on.

Sources, the first wins: `IAM_*` in the environment, `IAM_*_FILE` (a file that holds the value),
`/run/secrets/iam_*`, the TOML file that `IAM_CONFIG_FILE` names, the default below. `__` nests:
`IAM_TOKENS__SERVICE_TTL`.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from iam.errors import IamError
from iam.kit.setting_parts import MetricsSettings, TracingSettings
from iam.kit.setting_sources import Found, find, variable_of
from iam.kit.setting_table import setting_rows
from iam.kit.targets import AllowList
from iam_policy import DocumentKind, Limits


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _size(default: int, subject: str) -> Any:
    # What is stored is read up to 128 KiB, and a character takes two bytes at most.
    return Field(default, ge=256, le=65_536, description=f"longest text of {subject}")


class TokenSettings(_Part):
    """Lifetimes and clock tolerance of tokens."""

    service_ttl: timedelta = Field(
        timedelta(minutes=60), gt=timedelta(0), le=timedelta(hours=24),
        description="life of an access token of a service",
    )  # fmt: skip
    user_ttl: timedelta = Field(
        timedelta(minutes=10), gt=timedelta(0), le=timedelta(hours=1),
        description="life of an access token of a person",
    )  # fmt: skip
    assertion_max_age: timedelta = Field(
        timedelta(minutes=5), gt=timedelta(0), le=timedelta(minutes=60),
        description="how long after `iat` a client assertion counts, whatever its `exp`",
    )  # fmt: skip


class CredentialSettings(_Part):
    """Life cycle of credentials."""

    client_secret_ttl: timedelta = Field(
        timedelta(days=90), gt=timedelta(0), description="default life of a client secret"
    )
    client_secret_max_ttl: timedelta = Field(
        timedelta(days=365), gt=timedelta(0),
        description="longest life of a client secret that can be asked for",
    )  # fmt: skip
    expiry_spread: float = Field(
        0.2, ge=0, le=0.5,
        description="share by which default expiries are spread, so that a fleet does not expire "
        "in one week",
    )  # fmt: skip
    live_secrets: int = Field(
        2, ge=1, le=10, description="live client secrets of one service; two allow a rotation"
    )


class KeySettings(_Part):
    """Rotation of signing keys."""

    rotation: timedelta = Field(
        timedelta(days=90), gt=timedelta(0), description="how long one key signs before the next"
    )
    publish_lead: timedelta = Field(
        timedelta(hours=24), ge=timedelta(0),
        description="how long a key is published before it signs",
    )  # fmt: skip
    retain: timedelta = Field(
        timedelta(hours=26), ge=timedelta(0),
        description="how long the public half stays published beyond the longest token life",
    )  # fmt: skip
    max_age: timedelta = Field(
        timedelta(seconds=300), ge=timedelta(0), description="`max-age` of the key set answer"
    )


class JobSettings(_Part):
    """What the installation does by itself."""

    lease: timedelta = Field(
        timedelta(seconds=30), ge=timedelta(seconds=1), le=timedelta(minutes=10),
        description="how long a job of a worker that is gone waits before another takes it up",
    )  # fmt: skip
    poll: timedelta = Field(
        timedelta(seconds=1), gt=timedelta(0), le=timedelta(minutes=1),
        description="how often a worker looks for what is due",
    )  # fmt: skip
    at_once: int = Field(4, ge=1, le=64, description="jobs that one worker runs at a time")


class AuditSettings(_Part):
    """The sealed audit log."""

    retention: timedelta = Field(
        timedelta(days=400), ge=timedelta(days=1),
        description="how long audit entries are kept, before a signed tombstone takes their place",
    )  # fmt: skip
    checkpoint_file: Path | None = Field(
        None,
        description="the file that revocations and signed checkpoints of the audit log are "
        "appended to; keep it on another device than the database",
    )


class BackupSettings(_Part):
    """Backups that the job `create-backup` makes; `iam job` says when."""

    directory: Path | None = Field(
        None, description="where they go; default: `backups` in the data directory"
    )
    keep: int = Field(14, ge=1, le=10_000, description="how many of them are kept")


class PolicySettings(_Part):
    """Sizes of policies (AWS: IAM and STS quotas). Smaller ones do not touch what is stored."""

    managed_characters: int = _size(6_144, "a managed policy, without white space")
    user_inline_characters: int = _size(2_048, "all inline policies of a user together")
    group_inline_characters: int = _size(5_120, "all inline policies of a group together")
    role_inline_characters: int = _size(10_240, "all inline policies of a role, or of a service")
    session_characters: int = _size(2_048, "a session policy, without white space")
    trust_characters: int = _size(2_048, "a role's trust policy, without white space")
    resource_characters: int = _size(20_480, "a resource policy, without white space")
    guardrail_characters: int = _size(5_120, "a guardrail, white space included")
    versions: int = Field(5, ge=2, le=100, description="versions of one managed policy")

    def limits(self) -> Limits:
        """What a document may cost, as the engine takes it."""
        return Limits(
            characters={
                DocumentKind.IDENTITY: self.managed_characters,
                DocumentKind.BOUNDARY: self.managed_characters,
                DocumentKind.SESSION: self.session_characters,
                DocumentKind.TRUST: self.trust_characters,
                DocumentKind.RESOURCE: self.resource_characters,
                DocumentKind.SCP: self.guardrail_characters,
                DocumentKind.RCP: self.guardrail_characters,
            }
        )

    def inline_characters(self, holder: str) -> int:
        """How long all inline policies of one holder may be, by its kind; white space is free."""
        sizes = {"user": self.user_inline_characters, "group": self.group_inline_characters}
        # A service is a workload, as a role is, and has a role's limit.
        return sizes.get(holder, self.role_inline_characters)


class LimitSettings(_Part):
    """Bounds on what a request may cost."""

    body_bytes: int = Field(1 << 20, ge=1024, description="largest body of an API request")
    auth_body_bytes: int = Field(64 << 10, ge=1024, description="largest body of an OAuth request")
    decisions: int = Field(100, ge=1, le=1000, description="most decisions in one request")
    policies_per_principal: int = Field(20, ge=1, description="attached managed policies")
    guardrails_per_level: int = Field(
        5, ge=1, description="guardrails of a kind at one account, or at the installation"
    )
    groups_per_principal: int = Field(10, ge=1, description="groups of one principal")


class Settings(BaseModel):
    """What an operator can set. Times are ISO 8601 durations (`PT60M`) or seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(
        "http://localhost:8080", description="the exact issuer string in tokens; identity"
    )
    url: str | None = Field(
        None, description="where clients reach this service, when that is not the issuer"
    )
    allow_http_internal: bool = Field(
        default=False, description="accept plain http beyond loopback, inside a trusted network"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    data_dir: Path = Field(
        Path("iam-data"), description="where the SQLite database and the master key live"
    )
    database_url: str | None = Field(
        None,
        description="`postgresql+asyncpg://...`; default: a SQLite file in the data directory",
        repr=False,
    )
    database_pool: int = Field(10, ge=2, le=200, description="connections of one replica")
    database_lock_timeout: timedelta = Field(
        timedelta(seconds=2), gt=timedelta(0), description="longest wait for a lock on PostgreSQL"
    )
    database_statement_timeout: timedelta = Field(
        timedelta(seconds=5), gt=timedelta(0),
        description="longest statement on PostgreSQL, and longest wait for a connection",
    )  # fmt: skip
    auto_migrate: bool = Field(
        default=True, description="bring the database schema up to date at start"
    )
    master_key_file: Path | None = Field(
        None, description="the file that holds the master key; default: in the data directory"
    )
    partition: str = Field(
        "iam", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="the partition of all ARNs"
    )
    outbound_allow: tuple[str, ...] = Field(
        (), description="networks (CIDR) and host suffixes that may be called though not public"
    )
    ca_bundle: Path | None = Field(None, description="more certificate authorities to trust")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="networks (CIDR) whose `X-Forwarded-For` is believed"
    )
    drain_notice: timedelta = Field(
        timedelta(0), ge=timedelta(0), le=timedelta(minutes=2),
        description="how long it serves on after SIGTERM while `/readyz` says no, so that a proxy "
        "looks elsewhere; longer than the proxy takes between two looks",
    )  # fmt: skip
    drain: timedelta = Field(
        timedelta(seconds=8), gt=timedelta(0), le=timedelta(seconds=20),
        description="how long requests under way may take after that; with the notice, less than "
        "what the orchestrator waits before SIGKILL (Docker: 10 s)",
    )  # fmt: skip
    tokens: TokenSettings = TokenSettings()
    credentials: CredentialSettings = CredentialSettings()
    keys: KeySettings = KeySettings()
    jobs: JobSettings = JobSettings()
    backup: BackupSettings = BackupSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    limits: LimitSettings = LimitSettings()
    policies: PolicySettings = PolicySettings()

    @field_validator("issuer", "url")
    @classmethod
    def _is_base_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected an http(s) URL")
        if parts.query or parts.fragment or "@" in parts.netloc or value.endswith("/"):
            raise ValueError("expected no query, fragment, user name or trailing slash")
        return value

    @field_validator("outbound_allow", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        # A variable holds a text: a JSON array, or what is simply separated by commas.
        if not isinstance(value, str):
            return value
        if not value.startswith("["):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        try:
            return tuple(json.loads(value))
        except ValueError:
            raise ValueError("expected a JSON array, or words separated by commas") from None

    @field_validator("outbound_allow")
    @classmethod
    def _are_networks_and_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            AllowList(value)
        except IamError:
            raise ValueError("expected networks in CIDR form and host names") from None
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for network in value:
                ip_network(network, strict=False)
        except ValueError:
            # Not Python's own text, which repeats the value.
            raise ValueError("expected networks in CIDR form") from None
        return value

    @model_validator(mode="after")
    def _plain_http_stays_inside(self) -> Self:
        for name, value in (("IAM_ISSUER", self.issuer), ("IAM_URL", self.public_url)):
            is_plain = value.startswith("http://")
            if is_plain and not _is_loopback(value) and not self.allow_http_internal:
                message = (
                    f"{name} is plain http beyond loopback; use https, or set "
                    "IAM_ALLOW_HTTP_INTERNAL=1 inside a trusted network"
                )
                raise ValueError(message)
        return self

    @property
    def public_url(self) -> str:
        """Where a client reaches this service."""
        return self.url or self.issuer

    @property
    def is_reached_beyond_its_name(self) -> bool:
        """Whether other machines may come in while clients are sent to a name of this one."""
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        return _is_loopback(self.public_url) and not _is_loopback(f"//{bracketed}")

    @property
    def effective_database_url(self) -> str:
        """The database to use."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.absolute()}/iam.db"

    @property
    def effective_master_key_file(self) -> Path:
        """The file that holds the master key."""
        return self.master_key_file or self.data_dir / "master.key"

    @property
    def backup_directory(self) -> Path:
        """Where backups go."""
        return (self.backup.directory or self.data_dir / "backups").absolute()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    # RFC 6761 section 6.3 keeps localhost and what is below it on this machine.
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class SettingsError(Exception):
    """The settings are not usable; the message lists every problem at once, without values."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, and what it comes to.

    Attributes:
        found: Every value with its source.
        settings: The settings; `None` when they cannot be used.
        problems: Every problem at once, without values.
    """

    found: Found
    settings: "Settings | None"
    problems: tuple[str, ...]


def examine_settings(**overrides: Any) -> Reading:
    """Read the settings from their sources, and tell what is wrong with them."""
    found = find([row.name for row in setting_rows(Settings)])
    problems = list(found.problems)
    settings = None
    try:
        settings = Settings.model_validate({**found.tree(), **overrides})
    except ValidationError as error:
        problems += _problems(error, found)
    return Reading(found, None if problems else settings, tuple(problems))


def read_settings(**overrides: Any) -> Settings:
    """Read the settings from their sources; `overrides` come from the command line.

    Raises `SettingsError` that names every wrong setting, never its value.
    """
    reading = examine_settings(**overrides)
    if reading.settings is None:
        raise SettingsError("\n".join(reading.problems))
    return reading.settings


def _problems(error: ValidationError, found: Found) -> list[str]:
    problems = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        text = problem["msg"].removeprefix("Value error, ")
        given = found.given.get(name)
        where = f" (in {given.source})" if given and given.source != variable_of(name) else ""
        problems.append(f"{variable_of(name)}: {text}{where}" if name else text)
    return problems
