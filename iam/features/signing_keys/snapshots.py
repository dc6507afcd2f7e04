"""Signing keys in memory: the active signer of each purpose, and the published key set."""

from dataclasses import dataclass
from hashlib import sha256

import orjson
from sqlalchemy import select

from iam.errors import ErrorKind, IamError, unavailable
from iam.features.signing_keys.rules import Purpose, Signer, place_of
from iam.journal.events import SIGNING_KEYS
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import MAIN_ACCOUNT, SigningKey, SigningKeyState
from iam.work import Tools
from iam.work.outages import database_errors


class Signers:
    """Signers by purpose; a rotation anywhere makes them stale."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.cache: SnapshotCache[Purpose, Signer] = SnapshotCache(
            self._load, max_items=len(Purpose), name="signers"
        )
        tools.changes.subscribe(self.cache)

    async def get(self, purpose: Purpose) -> Signer:
        """The signer to use now. Raises `IamError` of kind `unavailable` when there is none."""
        signer = self.cache.peek(purpose) or await self.cache.get(purpose)
        if signer is None:
            raise unavailable("signing_key_missing", f"there is no active key for {purpose}")
        return signer

    async def _load(self, purpose: Purpose) -> tuple[Signer, frozenset[str]] | None:
        query = select(SigningKey.kid, SigningKey.private_key_sealed).where(
            SigningKey.purpose == purpose, SigningKey.state == SigningKeyState.ACTIVE
        )
        async with self._tools.database.connect(writes=False) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None or row.private_key_sealed is None:
            return None
        der = self._tools.sealer.open(row.private_key_sealed, place_of(row.kid, MAIN_ACCOUNT))
        return Signer(kid=row.kid, private_der=der), frozenset({SIGNING_KEYS, row.kid})


@dataclass(frozen=True, slots=True)
class Jwks:
    """The published key set as bytes (RFC 7517 section 5), and their entity tag."""

    body: bytes
    etag: str


class JwksSnapshots:
    """The key set document, written once and again when a key changes."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.cache: SnapshotCache[str, Jwks] = SnapshotCache(
            self._load, max_items=1, name="key-set"
        )
        self._last: Jwks | None = None
        tools.changes.subscribe(self.cache)

    async def get(self) -> Jwks:
        """The document; while the database is away, the last one that was read, at once (F-07).

        Raises `IamError` of kind `unavailable` when there is none yet.
        """
        if (found := self.cache.peek(SIGNING_KEYS)) is not None:
            return found
        if self._last is not None and not self._tools.changes.is_fresh:
            return self._last
        try:
            with database_errors():
                found = await self.cache.get(SIGNING_KEYS)
        except IamError as error:
            if self._last is None or error.kind is not ErrorKind.UNAVAILABLE:
                raise
            return self._last
        if found is None:  # pragma: no cover -- the loader always finds a set, if an empty one
            raise RuntimeError("the key set is missing")
        self._last = found
        return found

    async def _load(self, _key: str) -> tuple[Jwks, frozenset[str]]:
        query = (
            select(SigningKey.public_jwk)
            .where(
                SigningKey.purpose == Purpose.ACCESS_TOKEN,
                SigningKey.state != SigningKeyState.GONE,
            )
            .order_by(SigningKey.created_at, SigningKey.kid)
        )
        async with self._tools.database.connect(writes=False) as connection:
            found = (await connection.execute(query)).scalars().all()
        body = orjson.dumps({"keys": list(found)}, option=orjson.OPT_SORT_KEYS)
        return Jwks(body, f'"{sha256(body).hexdigest()[:32]}"'), frozenset({SIGNING_KEYS})
