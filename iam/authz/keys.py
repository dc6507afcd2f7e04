"""The public half of the key set, as everybody who verifies our tokens sees it."""

from sqlalchemy import select

from iam.journal.events import SIGNING_KEYS
from iam.kit.database import Database
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import SigningKey, SigningKeyState
from iam.models.signing_key import ACCESS_TOKENS
from iam_sdk.jws import KeySet

_ONLY = "jwks"


class PublishedKeys:
    """The published key set, kept in memory until a key changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cache: SnapshotCache[str, KeySet] = SnapshotCache(
            self._load, max_items=1, name="published-keys"
        )

    async def get(self) -> KeySet:
        """The keys that verify: prepared, active and retiring ones that are not tainted."""
        keys = self.cache.peek(_ONLY) or await self.cache.get(_ONLY)
        if keys is None:  # pragma: no cover -- the loader always finds a set, if an empty one
            raise RuntimeError("the key set is missing")
        return keys

    async def _load(self, _key: str) -> tuple[KeySet, frozenset[str]]:
        published = (
            select(SigningKey.public_jwk)
            .where(
                SigningKey.purpose == ACCESS_TOKENS,
                SigningKey.state != SigningKeyState.GONE,
                SigningKey.tainted_at.is_(None),
            )
            .order_by(SigningKey.created_at)
        )
        async with self._database.connect(writes=False) as connection:
            found = (await connection.execute(published)).scalars().all()
        return KeySet.from_jwks({"keys": list(found)}), frozenset({SIGNING_KEYS})
