"""Principals with the policies they hold, and how each came to them: many of one account at once.

Facts know no tables: `gather_many.py` reads these values from the database, and whoever knows an
earlier state of it makes them from that.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from iam.authz.facts import PrincipalFacts
from iam.authz.relevance import Relevance
from iam.authz.surroundings import policy_set
from iam_policy import DocumentKind, PolicySet

_ACTIVE: Final = "active"  # the value of the models, which facts do not know


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A group through which somebody has a policy."""

    id: str
    arn: str
    name: str


@dataclass(frozen=True, slots=True)
class Source:
    """One policy that somebody has, and how it came to them.

    Attributes:
        label: What decisions call it: its ARN, or `inline:` and its name.
        document: Its text.
        policy_id: Of a managed policy.
        group: Whose policy it is; `None` if it is the principal's own.
    """

    label: str
    document: str
    policy_id: str | None = None
    group: GroupRef | None = None


@dataclass(frozen=True, slots=True)
class PrincipalRecord:
    """The row of a principal, as far as decisions depend on it."""

    id: str
    account: str
    kind: str
    path: str
    name: str
    status: str
    tags: Mapping[str, str]
    principal_epoch: int
    boundary_policy_id: str | None
    trust_policy: str | None

    def arn(self, partition: str) -> str:
        """Its ARN."""
        return f"arn:{partition}:iam::{self.account}:{self.kind}{self.path}{self.name}"


@dataclass(frozen=True, slots=True)
class Holder:
    """A principal with its facts, and the policies they were made from, in the same order."""

    facts: PrincipalFacts
    sources: tuple[Source, ...]
    boundary: Source | None


def holder(
    record: PrincipalRecord,
    sources: Sequence[Source],
    boundary: Source | None,
    *,
    account_is_active: bool,
    partition: str,
) -> Holder:
    """The facts of a principal of whom everything was read."""
    arn = record.arn(partition)
    trust = None
    if record.trust_policy is not None:
        trust = policy_set([(arn, record.trust_policy)], DocumentKind.TRUST)
    facts = PrincipalFacts(
        id=record.id,
        arn=arn,
        account=record.account,
        kind=record.kind,
        name=record.name,
        is_active=account_is_active and record.status == _ACTIVE,
        epoch=record.principal_epoch,
        tags=record.tags,
        identity=_set(sources, DocumentKind.IDENTITY),
        boundary=None if boundary is None else _set([boundary], DocumentKind.BOUNDARY),
        trust=trust,
        depends_on=frozenset(),
    )
    return Holder(facts, tuple(sources), boundary)


def _set(sources: Sequence[Source], kind: DocumentKind) -> PolicySet:
    return policy_set([(one.label, one.document) for one in sources], kind)


@dataclass(slots=True, kw_only=True)
class AccountPolicies:
    """What the groups of an account and the policies that its principals may have say.

    Attributes:
        account: The account.
        is_active: Whether its principals may act.
        partition: Of its ARNs.
        relevance: Which documents matter.
        policies: All managed policies by id, as somebody has them directly.
        relevant: The ids of those that matter.
        of_groups: What each group carries that matters; nothing of those that carry nothing.
    """

    account: str
    is_active: bool
    partition: str
    relevance: Relevance
    policies: Mapping[str, Source]
    relevant: AbstractSet[str]
    of_groups: Mapping[str, tuple[Source, ...]]
