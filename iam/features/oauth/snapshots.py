"""Which service answers to an audience, kept in memory for the fast lane."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import select

from iam.kit.snapshot_cache import SnapshotCache
from iam.models import Principal, ServiceAudience
from iam.work import Tools

MAX_AUDIENCES: Final = 50_000


class AudienceKey(NamedTuple):
    """An audience is registered within one account; another's is as good as none."""

    account: str
    uri: str


@dataclass(frozen=True, slots=True)
class AudienceFacts:
    """The service that an audience belongs to."""

    service_id: str
    service_arn: str


class AudienceSnapshots:
    """Registered audiences (RFC 8707 resources): a service's ARN and what else it answers to."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.cache: SnapshotCache[AudienceKey, AudienceFacts] = SnapshotCache(
            self._load, max_items=MAX_AUDIENCES, name="audiences"
        )
        tools.changes.subscribe(self.cache)

    async def find(self, account: str, uri: str) -> AudienceFacts | None:
        """The service that answers to this audience; `None` if none of this account does."""
        if uri == self._tools.settings.issuer:
            return None  # that is us, and what is not there is not kept: it would be asked for anew
        key = AudienceKey(account, uri)
        return self.cache.peek(key) or await self.cache.get(key)

    async def _load(self, key: AudienceKey) -> tuple[AudienceFacts, frozenset[str]] | None:
        query = (
            select(Principal.id, Principal.kind, Principal.path, Principal.name)
            .join(ServiceAudience, ServiceAudience.service_id == Principal.id)
            .where(ServiceAudience.account == key.account, ServiceAudience.uri == key.uri)
        )
        async with self._tools.database.connect(writes=False) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        resource = f"{row.kind}{row.path}{row.name}"
        arn = f"arn:{self._tools.settings.partition}:iam::{key.account}:{resource}"
        return AudienceFacts(row.id, arn), frozenset({row.id})
