"""The facts of principals, kept in memory for the fast lane."""

from typing import Any

from sqlalchemy import Select, select

from iam.authz.facts import PrincipalFacts
from iam.authz.gather import gather
from iam.kit.database import Database
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import Principal
from iam_policy import Arn, ArnError

MAX_PRINCIPALS = 50_000


class PrincipalSnapshots:
    """Facts by principal id, filled on demand and dropped when what they depend on changes."""

    def __init__(self, database: Database, *, partition: str) -> None:
        self._database = database
        self._partition = partition
        self.cache: SnapshotCache[str, PrincipalFacts] = SnapshotCache(
            self._load, max_items=MAX_PRINCIPALS
        )
        self.ids: SnapshotCache[str, str] = SnapshotCache(self._load_id, max_items=MAX_PRINCIPALS)

    async def get(self, principal_id: str) -> PrincipalFacts | None:
        """The facts of this principal; `None` if there is no such principal."""
        return self.cache.peek(principal_id) or await self.cache.get(principal_id)

    async def find(self, arn: str) -> PrincipalFacts | None:
        """The facts of the principal with exactly this ARN; `None` if there is none."""
        principal_id = self.ids.peek(arn) or await self.ids.get(arn)
        facts = None if principal_id is None else await self.get(principal_id)
        return facts if facts is not None and facts.arn == arn else None

    async def _load_id(self, arn: str) -> tuple[str, frozenset[str]] | None:
        query = _named(arn)
        if query is None:
            return None
        async with self._database.connect(writes=False) as connection:
            found: str | None = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else (found, frozenset({found}))

    async def _load(self, principal_id: str) -> tuple[PrincipalFacts, frozenset[str]] | None:
        async with self._database.connect(writes=False) as connection:
            facts = await gather(connection, principal_id, partition=self._partition)
        return None if facts is None else (facts, facts.depends_on)


def _named(arn: str) -> Select[Any] | None:
    """The query for the id of the principal with this ARN; `None` if no principal can have it."""
    try:
        parts = Arn.parse(arn)
    except ArnError:
        return None
    kind, _, rest = parts.resource.partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    if parts.service != "iam" or not name:
        return None
    return select(Principal.id).where(
        Principal.account == parts.account,
        Principal.kind == kind,
        Principal.path == f"{path}/",
        Principal.name_key == name.casefold(),
    )
