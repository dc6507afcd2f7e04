"""The active signer of each purpose, its private key parsed once and kept in memory."""

from sqlalchemy import select

from iam.errors import unavailable
from iam.features.signing_keys.rules import Purpose, Signer, place_of
from iam.journal.events import SIGNING_KEYS
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import MAIN_ACCOUNT, SigningKey, SigningKeyState
from iam.work import Tools


class Signers:
    """Signers by purpose; a rotation anywhere makes them stale."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.cache: SnapshotCache[Purpose, Signer] = SnapshotCache(
            self._load, max_items=len(Purpose)
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
