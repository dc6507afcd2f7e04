"""The credentials of clients in memory, for the fast lane.

A key is kept as it is stored, whether it counts or not: ask `ClientCredential.is_live` with the
clock. A secret is kept only while it proves somebody. What changes anywhere is dropped by the
change log; a caller that must not trust memory while the database is away looks at
`tools.changes.is_fresh`, as for every snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Executable, LargeBinary, String, bindparam, select

from iam.features.credentials.rules import ClientCredential, ClientKey
from iam.kit.outbound import Outbound
from iam.kit.remote_keys import RemoteKeySets
from iam.kit.secrets import SecretKind, hash_secret, is_secret
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import (
    Account,
    AccountStatus,
    Credential,
    CredentialKind,
    CredentialStatus,
    Principal,
    PrincipalStatus,
)
from iam.work import Tools
from iam_sdk.errors import KeyRefusedError
from iam_sdk.jwk import VerificationKey, load_key
from iam_sdk.jws import KeySet

MAX_SECRETS = 50_000
MAX_KEY_HOLDERS = 50_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Holdings:
    """What one principal has registered to be verified by."""

    keys: tuple[ClientKey, ...]
    addresses: tuple[tuple[ClientCredential, str], ...]


class ClientSnapshots:
    """Client credentials by the hash of their secret, and verification keys by principal.

    Call it while no transaction is open: a key set may have to be fetched from its publisher.
    """

    def __init__(self, tools: Tools, outbound: Outbound) -> None:
        self._tools = tools
        self._remote = RemoteKeySets(outbound, tools.clock)
        # What proves nobody is never kept: a guessed secret costs a query and no memory.
        self.secrets: SnapshotCache[bytes, ClientCredential] = SnapshotCache(
            self._load_secret, max_items=MAX_SECRETS, name="client-secrets"
        )
        self.holdings: SnapshotCache[str, _Holdings] = SnapshotCache(
            self._load_holdings, max_items=MAX_KEY_HOLDERS, name="client-keys"
        )
        tools.changes.subscribe(self.secrets)
        tools.changes.subscribe(self.holdings)

    async def find_secret(
        self, secret: str, *, principal_id: str | None, now: datetime
    ) -> ClientCredential | None:
        """The live credential of this active principal that this secret belongs to.

        Only what proves somebody is answered from memory. Every refusal costs one look-up, whether
        the secret never was one, has ended, or is somebody else's: nothing can be measured of which
        it was (TE-13). What has not even the form of a secret costs none; its form is public.
        """
        secret_hash = hash_secret(secret)
        kept = self.secrets.peek(secret_hash)
        if kept is not None and kept.proves(principal_id, now):
            return kept
        if not is_secret(secret, SecretKind.CLIENT_SECRET):
            return None
        if kept is not None:
            self.secrets.invalidate(kept.id)
        found = await self.secrets.get(secret_hash)
        return found if found is not None and found.proves(principal_id, now) else None

    async def keys_of(self, principal_id: str, *, kid: str | None = None) -> tuple[ClientKey, ...]:
        """Every key that this principal may sign client assertions with; empty if there is none.

        `kid` is the key that the assertion names: when no key is known by it, published key sets
        are fetched again, at most once per cool-down. Registered keys come first, and a published
        key never replaces one of the same id.
        """
        held = self.holdings.peek(principal_id) or await self.holdings.get(principal_id)
        if held is None:
            return ()
        found = {item.key.kid: item for item in held.keys}
        wanted = None if kid in found else kid
        for credential, url in held.addresses:
            if not credential.is_live(self._tools.clock.now()):
                continue
            published = await self._remote.get(url, kid=wanted)
            for key in _members(published):
                found.setdefault(key.kid, ClientKey(credential=credential, key=key))
        return tuple(found.values())

    async def _load_secret(
        self, secret_hash: bytes
    ) -> tuple[ClientCredential, frozenset[str]] | None:
        rows = await self._rows(_BY_SECRET, {"secret_hash": secret_hash})
        if not rows:
            return None
        facts = _facts(rows[0])
        return facts, frozenset({facts.id, facts.principal_id, f"account:{facts.account}"})

    async def _load_holdings(self, principal_id: str) -> tuple[_Holdings, frozenset[str]] | None:
        rows = await self._rows(_BY_HOLDER, {"holder": principal_id})
        if not rows:
            return None
        keys = tuple(key for row in rows if (key := _registered(row)) is not None)
        addresses = tuple((_facts(row), row.jwks_uri) for row in rows if row.jwks_uri is not None)
        return _Holdings(keys, addresses), frozenset({principal_id, *(row.id for row in rows)})

    async def _rows(self, query: Executable, parameters: Mapping[str, Any]) -> list[Any]:
        async with self._tools.database.connect(writes=False) as connection:
            return list(await connection.execute(query, parameters))


_FACTS = (
    Credential.id,
    Credential.account,
    Credential.principal_id,
    Credential.kind,
    Credential.status,
    Credential.expires_at,
)
# Built once: building a statement takes longer than running it.
_BY_SECRET = (
    select(*_FACTS)
    .join(Principal, Principal.id == Credential.principal_id)
    .join(Account, Account.name == Principal.account)
    .where(
        Credential.secret_hash == bindparam("secret_hash", type_=LargeBinary),
        Credential.status == CredentialStatus.ACTIVE,
        Principal.status == PrincipalStatus.ACTIVE,
        Account.status == AccountStatus.ACTIVE,
    )
)
_BY_HOLDER = (
    select(*_FACTS, Credential.public_jwk, Credential.jwks_uri)
    .where(
        Credential.principal_id == bindparam("holder", type_=String),
        Credential.kind.in_((CredentialKind.PUBLIC_KEY, CredentialKind.JWKS_URI)),
        Credential.status != CredentialStatus.REVOKED,
    )
    .order_by(Credential.id)
)


def _facts(row: Any) -> ClientCredential:
    return ClientCredential(
        id=row.id,
        account=row.account,
        principal_id=row.principal_id,
        kind=row.kind,
        status=row.status,
        expires_at=row.expires_at,
    )


def _registered(row: Any) -> ClientKey | None:
    if row.public_jwk is None:
        return None
    try:
        return ClientKey(credential=_facts(row), key=load_key(row.public_jwk))
    except KeyRefusedError as error:
        # It passed when it was registered: the policy for keys has become stricter since.
        _log.warning("registered_key_refused", credential=row.id, reason=error.reason)
        return None


def _members(published: KeySet | None) -> list[VerificationKey]:
    if published is None:
        return []
    return [key for kid in published if (key := published.get(kid)) is not None]
