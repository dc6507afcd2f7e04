"""The facts of principals and of what stands around them, kept in memory for the fast lane."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from iam.authz.facts import PrincipalFacts
from iam.authz.gather import gather
from iam.authz.read_surroundings import (
    principal_named,
    read_guardrails,
    read_policed,
    read_policies,
)
from iam.authz.surroundings import (
    Guardrails,
    Surroundings,
    at_or_above,
    is_assuming,
    owning_account,
    resource_set,
)
from iam.journal.changes import Snapshots
from iam.journal.events import GUARDRAILS, policy_of_resource, resource_policies_of
from iam.kit.database import Database
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import Principal, resource_key
from iam_policy import PolicySet

MAX_PRINCIPALS: Final = 50_000
MAX_ACCOUNTS: Final = 10_000
MAX_RESOURCES: Final = 50_000

_ALL: Final = "all"


class PrincipalSnapshots:
    """Facts by principal id, filled on demand and dropped when what they depend on changes."""

    def __init__(self, database: Database, *, partition: str) -> None:
        self._database = database
        self._partition = partition
        self.cache: SnapshotCache[str, PrincipalFacts] = SnapshotCache(
            self._load, max_items=MAX_PRINCIPALS, name="principals"
        )
        self.ids: SnapshotCache[str, str] = SnapshotCache(
            self._load_id, max_items=MAX_PRINCIPALS, name="principal-ids"
        )

    async def get(self, principal_id: str) -> PrincipalFacts | None:
        """The facts of this principal; `None` if there is no such principal."""
        return self.cache.peek(principal_id) or await self.cache.get(principal_id)

    async def find(self, arn: str) -> PrincipalFacts | None:
        """The facts of the principal with exactly this ARN; `None` if there is none."""
        principal_id = self.ids.peek(arn) or await self.ids.get(arn)
        facts = None if principal_id is None else await self.get(principal_id)
        return facts if facts is not None and facts.arn == arn else None

    async def _load_id(self, arn: str) -> tuple[str, frozenset[str]] | None:
        query = principal_named(arn, Principal.id)
        if query is None:
            return None
        async with self._database.connect(writes=False) as connection:
            found: str | None = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else (found, frozenset({found}))

    async def _load(self, principal_id: str) -> tuple[PrincipalFacts, frozenset[str]] | None:
        async with self._database.connect(writes=False) as connection:
            facts = await gather(connection, principal_id, partition=self._partition)
        return None if facts is None else (facts, facts.depends_on)


@dataclass(frozen=True, slots=True)
class PolicedResources:
    """The resources of an account that have a policy; `None` if they are too many to remember."""

    resources: frozenset[str] | None

    def may_reach(self, resource: str) -> bool:
        """Whether there may be a policy that speaks about this resource."""
        if self.resources is None:
            return True
        return bool(self.resources) and not self.resources.isdisjoint(at_or_above(resource))


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """The policies that reach one resource, indexed; `None` when there are none."""

    policies: PolicySet | None


class ResourceName(NamedTuple):
    """A resource as its owner names it."""

    owner: str
    resource: str


class SurroundingSnapshots:
    """Guardrails and resource policies, dropped when what they were read from changes.

    That a resource has no policy is remembered too: the names of those that have one are kept by
    account, so that another resource costs no look-up. Where they are too many for that, the
    absence depends on the id that the policy would have.
    """

    def __init__(
        self, database: Database, principals: PrincipalSnapshots, *, partition: str
    ) -> None:
        self._database = database
        self._principals = principals
        self._partition = partition
        self.guardrails: SnapshotCache[str, Guardrails] = SnapshotCache(
            self._load_guardrails, max_items=1, name="guardrails"
        )
        self.policed: SnapshotCache[str, PolicedResources] = SnapshotCache(
            self._load_policed, max_items=MAX_ACCOUNTS, name="policed-resources"
        )
        self.resources: SnapshotCache[ResourceName, ResourceFacts] = SnapshotCache(
            self._load_resource, max_items=MAX_RESOURCES, name="resources"
        )

    @property
    def caches(self) -> tuple[Snapshots, ...]:
        """What must hear of changes."""
        return self.guardrails, self.policed, self.resources

    async def find(self, account: str, *, action: str, resource: str) -> Surroundings:
        """What stands around a principal of this account that does this to this resource."""
        owner = owning_account(resource, account)
        guardrails = self.guardrails.peek(_ALL) or await self.guardrails.get(_ALL)
        if guardrails is None:  # pragma: no cover -- the loader always finds them, if there are any
            raise RuntimeError("the guardrails are missing")
        around = guardrails.around(account, owner)
        if is_assuming(action):
            role = await self._principals.find(resource)
            trust = role.trust if role is not None and role.is_active else None
            return around.with_policy(trust, is_required=True)
        policed = self.policed.peek(owner) or await self.policed.get(owner)
        if policed is not None and not policed.may_reach(resource):
            return around
        name = ResourceName(owner, resource)
        found = self.resources.peek(name) or await self.resources.get(name)
        return around.with_policy(found.policies if found else None)

    async def _load_guardrails(self, _key: str) -> tuple[Guardrails, frozenset[str]]:
        async with self._database.connect(writes=False) as connection:
            found = await read_guardrails(connection, partition=self._partition)
        return found, frozenset({GUARDRAILS})

    async def _load_policed(self, account: str) -> tuple[PolicedResources, frozenset[str]]:
        async with self._database.connect(writes=False) as connection:
            found = await read_policed(connection, account)
        return PolicedResources(found), frozenset({resource_policies_of(account)})

    async def _load_resource(self, name: ResourceName) -> tuple[ResourceFacts, frozenset[str]]:
        async with self._database.connect(writes=False) as connection:
            documents = await read_policies(connection, name.owner, name.resource)
        above = [resource_key(name.owner, one) for one in at_or_above(name.resource)]
        return ResourceFacts(resource_set(documents)), frozenset(map(policy_of_resource, above))
