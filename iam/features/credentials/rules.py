"""What a credential proves, and when; what may be registered as one. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from iam.errors import IamError, invalid
from iam.kit.metrics import Family
from iam_sdk.errors import KeyRefusedError
from iam_sdk.jwk import VerificationKey, load_key, thumbprint
from iam_sdk.jws import KeySet

SECRET: Final = "client_secret"  # noqa: S105 -- the name of a kind
MAX_LIVE_KEYS: Final = 10
"""Live keys and addresses of keys of one service: each costs work when it signs in."""
HINT_CHARS: Final = 12
"""How much of a secret is shown to recognise it by: its form and 5 of 43 random characters."""

_JWK_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"})
_DURATION = re.compile(r"([1-9][0-9]{0,4})([dh])")


class Status(StrEnum):
    """The life cycle of a credential as people see it."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"
    REVOKED = "revoked"


def status_at(stored: str, expires_at: datetime | None, now: datetime) -> Status:
    """The status at this instant. Expiry is derived here and stored nowhere."""
    status = Status(stored)
    if status is not Status.REVOKED and expires_at is not None and expires_at <= now:
        return Status.EXPIRED
    return status


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredential:
    """The facts of one credential at the moment it was read.

    Attributes:
        id: Immutable id; goes into the ledger row of every token that it proves.
        account: The account of its holder.
        principal_id: Whom it proves.
        kind: `client_secret`, `public_key` or `jwks_uri`.
        status: The stored status; ask `is_live`.
        expires_at: When it ends by itself.
    """

    id: str
    account: str
    principal_id: str
    kind: str
    status: str
    expires_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it proves its principal at this instant."""
        return status_at(self.status, self.expires_at, now) is Status.ACTIVE

    def proves(self, principal_id: str | None, now: datetime) -> bool:
        """Whether it proves this very principal at this instant."""
        return self.principal_id == principal_id and self.is_live(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """One key that a client may sign its assertions with, and the credential it belongs to."""

    credential: ClientCredential
    key: VerificationKey


def live_keys(keys: Iterable[ClientKey], now: datetime) -> KeySet:
    """The keys whose credentials are live, ready for `verify_client_assertion`."""
    return KeySet({item.key.kid: item.key for item in keys if item.credential.is_live(now)})


def credential_of(keys: Iterable[ClientKey], kid: str, now: datetime) -> ClientCredential | None:
    """The live credential whose key has this id."""
    for item in keys:
        if item.key.kid == kid and item.credential.is_live(now):
            return item.credential
    return None


def registered_jwk(given: Mapping[str, Any]) -> dict[str, Any]:
    """The public key to keep (RFC 7517): what verifying needs, with a key id.

    Without a `kid` it gets its RFC 7638 thumbprint. Raises `IamError` of kind `invalid` for
    whatever the policy for keys refuses, private members before all.
    """
    try:
        jwk = {**given, "kid": given["kid"] if "kid" in given else thumbprint(given)}
        load_key(jwk)
    except KeyRefusedError as error:
        raise _key_refused(error) from None
    return {name: value for name, value in jwk.items() if name in _JWK_MEMBERS} | {"use": "sig"}


def _key_refused(error: KeyRefusedError) -> IamError:
    if error.reason == "private_members":
        message = (
            "this is a private key: it has been seen now, so make another, send its public half"
        )
        return invalid("private_key_refused", message)
    return invalid("key_refused", f"the key is not acceptable: {error.reason}", reason=error.reason)


def check_secret_expiry(wanted: datetime, *, now: datetime, longest: timedelta) -> None:
    """Raise `IamError` of kind `invalid` unless a secret may be made that ends at this instant."""
    check_future(wanted, now=now)
    if wanted > now + longest:
        message = f"a client secret lives {longest.days} days at most"
        raise invalid("expiry_too_far", message)


def check_future(wanted: datetime, *, now: datetime) -> None:
    """Raise `IamError` of kind `invalid` unless the instant is to come."""
    if wanted <= now:
        raise invalid("expiry_past", "expected an expiry in the future; to end it now, revoke it")


def check_shortened(present: datetime | None, wanted: datetime | None, *, now: datetime) -> None:
    """Raise `IamError` of kind `invalid` unless the new expiry is earlier than the present one.

    A life is never prolonged: whoever made the credential approved of that one, and a longer one
    would keep a secret in use that should have been exchanged. Make another, and revoke this.
    """
    if wanted is None or (present is not None and wanted > present):
        message = "an expiry can only come earlier; for a longer life make another credential"
        raise invalid("expiry_prolonged", message)
    check_future(wanted, now=now)


def parse_duration(text: str) -> timedelta:
    """`30d` or `12h`. Raises `IamError` of kind `invalid` for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise invalid("duration_invalid", "expected a duration such as `30d` or `12h`")
    number = int(match[1])
    return timedelta(days=number) if match[2] == "d" else timedelta(hours=number)


def holder_reference(text: str) -> tuple[str, str]:
    """Kind and name (or id) of a holder: `svc_...`, `service/billing`, or its ARN."""
    kind, slash, rest = text.rpartition(":")[2].partition("/")
    if slash:
        return kind, rest.rpartition("/")[2]
    return ("user" if text.startswith("usr_") else "service"), text


HORIZONS: Final = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""How far ahead an operator may want to be warned."""


@dataclass(frozen=True, slots=True)
class ExpiryReport:
    """The live credentials of one kind in one account, counted. `within` follows `HORIZONS`."""

    account: str
    kind: str
    live: int
    earliest: datetime | None
    within: tuple[int, ...]


_LABELS: Final = ("account", "kind")
_DAY: Final = timedelta(days=1)


def expiry_families(reports: Sequence[ExpiryReport], *, now: datetime) -> list[Family]:
    """The same as metrics.

    No label names a credential: the alert says that one expires, the list says which.
    """
    labels = [(report.account, report.kind) for report in reports]
    soonest = [
        (key, (report.earliest - now).total_seconds())
        for key, report in zip(labels, reports, strict=True)
        if report.earliest is not None
    ]
    expiring = [
        ((*key, str(horizon // _DAY)), count)
        for key, report in zip(labels, reports, strict=True)
        for horizon, count in zip(HORIZONS, report.within, strict=True)
    ]
    live = [(key, report.live) for key, report in zip(labels, reports, strict=True)]
    return [
        Family(
            "iam_credential_expires_seconds",
            "Seconds until the first of the live credentials of this kind expires.",
            "gauge",
            _LABELS,
            soonest,
        ),
        Family("iam_credentials_live", "Live credentials.", "gauge", _LABELS, live),
        Family(
            "iam_credentials_expiring",
            "Live credentials that expire within so many days.",
            "gauge",
            (*_LABELS, "days"),
            expiring,
        ),
    ]
