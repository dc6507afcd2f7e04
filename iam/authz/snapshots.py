"""The facts of principals, kept in memory for the fast lane."""

from iam.authz.facts import PrincipalFacts
from iam.authz.gather import gather
from iam.kit.database import Database
from iam.kit.snapshot_cache import SnapshotCache

MAX_PRINCIPALS = 50_000


class PrincipalSnapshots:
    """Facts by principal id, filled on demand and dropped when what they depend on changes."""

    def __init__(self, database: Database, *, partition: str) -> None:
        self._database = database
        self._partition = partition
        self.cache: SnapshotCache[str, PrincipalFacts] = SnapshotCache(
            self._load, max_items=MAX_PRINCIPALS
        )

    async def get(self, principal_id: str) -> PrincipalFacts | None:
        """The facts of this principal; `None` if there is no such principal."""
        return self.cache.peek(principal_id) or await self.cache.get(principal_id)

    async def _load(self, principal_id: str) -> tuple[PrincipalFacts, frozenset[str]] | None:
        async with self._database.connect(writes=False) as connection:
            facts = await gather(connection, principal_id, partition=self._partition)
        return None if facts is None else (facts, facts.depends_on)
