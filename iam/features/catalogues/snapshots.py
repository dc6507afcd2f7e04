"""Which service owns which prefix, kept in memory for the fast lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from iam.features.catalogues.rules import owns_prefix
from iam.journal.events import action_catalogues_of
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import ActionCatalogue
from iam.work import Tools

MAX_ACCOUNTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class PrefixOwners:
    """The registered prefixes of one account, and the ids of their services."""

    service_ids: Mapping[str, str]

    def own(self, service_id: str, name: str, *, prefix: str) -> bool:
        """Whether this prefix, in lower case, belongs to the service of this id and name."""
        return owns_prefix(
            self.service_ids, service_id=service_id, service_name=name, prefix=prefix
        )


class PrefixSnapshots:
    """The owners of prefixes, by account; dropped when a catalogue or its service changes."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.cache: SnapshotCache[str, PrefixOwners] = SnapshotCache(
            self._load, max_items=MAX_ACCOUNTS, name="prefixes"
        )
        tools.changes.subscribe(self.cache)

    async def find(self, account: str) -> PrefixOwners:
        """Who owns which prefix in this account."""
        found = self.cache.peek(account) or await self.cache.get(account)
        return found or _NOBODY

    async def _load(self, account: str) -> tuple[PrefixOwners, frozenset[str]]:
        query = select(ActionCatalogue.prefix, ActionCatalogue.service_id).where(
            ActionCatalogue.account == account
        )
        async with self._tools.database.connect(writes=False) as connection:
            rows = (await connection.execute(query)).all()
        owners = {row.prefix: row.service_id for row in rows}
        # A service takes its catalogues with it: their rows go without a word of their own.
        return PrefixOwners(owners), frozenset({action_catalogues_of(account), *owners.values()})


_NOBODY: Final = PrefixOwners({})
