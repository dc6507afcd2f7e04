"""What a credential proves, and when. Pure: both lanes judge these facts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from iam_sdk.jwk import VerificationKey
from iam_sdk.jws import KeySet


class Status(StrEnum):
    """The life cycle of a credential as people see it."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"
    REVOKED = "revoked"


_ENDED: Final = frozenset({Status.REVOKED})


def status_at(stored: str, expires_at: datetime | None, now: datetime) -> Status:
    """The status at this instant. Expiry is derived here and stored nowhere."""
    status = Status(stored)
    if status not in _ENDED and expires_at is not None and expires_at <= now:
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
