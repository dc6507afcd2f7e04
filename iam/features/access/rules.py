"""Whether somebody may, as far as it is known, and by which path. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from iam.authz.context import principal_context
from iam.authz.facts import PrincipalFacts
from iam.authz.holders import GroupRef, Holder, Source
from iam.authz.overlaps import covers, overlap
from iam.authz.questions import is_action, resource_defect
from iam.authz.suppositions import Supposed, View, Views, applies
from iam.authz.surroundings import Surroundings, owning_account
from iam.errors import invalid
from iam_policy import (
    Clause,
    Context,
    Layer,
    Layers,
    PolicySet,
    Request,
    evaluate,
)
from iam_policy.compile import CompiledStatement
from iam_policy.principals import Naming

_MEMO: Final = 4_096


def check_question(action: str, resource: str, *, account: str) -> None:
    """Raise `IamError` of kind `invalid` unless this can be asked in this account."""
    if not is_action(action):
        raise invalid("action_invalid", "expected one action, as `service:VerbNoun`")
    defect = resource_defect(resource)
    if defect is not None:
        raise invalid("resource_invalid", defect)
    if owning_account(resource, account) != account:
        raise invalid("resource_of_another_account", "the resource is another account's")


class Verdict(StrEnum):
    """Whether somebody may whatever the circumstances are, or under some of them."""

    ALLOWED = "allowed"
    CONDITIONAL = "conditional"


@dataclass(frozen=True, slots=True)
class Path:
    """One statement and how it came to somebody.

    Attributes:
        layer: Where its policy stands.
        policy: Its ARN, the ARN of the resource whose policy it is, or `inline:` and a name.
        policy_id: Of a managed policy.
        group: The group through which the principal has it, if it is one's.
        statement: As it is written.
        conditions: Those that depend on what is not known.
    """

    layer: Layer
    policy: str
    policy_id: str | None
    group: GroupRef | None
    statement: CompiledStatement
    conditions: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody who may.

    Attributes:
        holder: Who.
        verdict: Whether it depends on the circumstances.
        paths: What grants it.
        limits: What may take it away again: Denies that may apply, and Allows of a boundary or of
            guardrails that may not.
    """

    holder: Holder
    verdict: Verdict
    paths: tuple[Path, ...]
    limits: tuple[Path, ...]


@dataclass(slots=True)
class Question:
    """What is asked about many: the same action on the same resource, now."""

    action: str
    resource: str
    around: Surroundings
    now: datetime
    views: Views = field(init=False)
    _around: dict[View, Surroundings] = field(init=False)
    _layers: dict[tuple[PolicySet, PolicySet | None, View], Layers] = field(init=False)

    def __post_init__(self) -> None:
        self.views = Views(self.action)
        self._around = {view: self._seen_around(view) for view in View}
        self._layers = {}

    def answer(self, holder: Holder) -> Access | None:
        """How this principal may; `None` if it may not, whatever the circumstances are."""
        facts = holder.facts
        if not facts.is_active:
            return None
        context = principal_context(facts, now=self.now)
        if not self._is_allowed(facts, context, View.AT_BEST):
            return None
        is_sure = self._is_allowed(facts, context, View.AT_WORST)
        return Access(
            holder,
            Verdict.ALLOWED if is_sure else Verdict.CONDITIONAL,
            tuple(self._grants(holder, context)),
            () if is_sure else tuple(self._limits(holder, context)),
        )

    def _is_allowed(self, facts: PrincipalFacts, context: Context, view: View) -> bool:
        owner = owning_account(self.resource, facts.account)
        request = Request(facts.principal, self.action, self.resource, context, owner)
        return evaluate(request, self._seen(facts, view)).allowed

    def _seen(self, facts: PrincipalFacts, view: View) -> Layers:
        """The layers of these facts (`PrincipalFacts.within`), seen so; one for all who share."""
        key = (facts.identity, facts.boundary, view)
        found = self._layers.get(key)
        if found is None:
            around = self._around[view]
            found = Layers(
                identity=self.views.of(facts.identity, view),
                boundary=None if facts.boundary is None else self.views.of(facts.boundary, view),
                resource=around.resource,
                scps=around.scps,
                rcps=around.rcps,
                resource_policy_required=around.is_required,
            )
            if len(self._layers) >= _MEMO:
                self._layers.clear()
            self._layers[key] = found
        return found

    def _seen_around(self, view: View) -> Surroundings:
        around = self.around
        return Surroundings(
            tuple(self.views.of(one, view) for one in around.scps),
            tuple(self.views.of(one, view) for one in around.rcps),
            None if around.resource is None else self.views.of(around.resource, view),
            around.is_required,
        )

    def _grants(self, holder: Holder, context: Context) -> Iterator[Path]:
        for path, one in self._statements(holder):
            is_granting = path.layer in {Layer.IDENTITY, Layer.RESOURCE}
            if is_granting and one.statement.effect == "Allow" and self._perhaps(one, context):
                yield path

    def _limits(self, holder: Holder, context: Context) -> Iterator[Path]:
        """What does not surely let it pass."""
        for path, one in self._statements(holder):
            if one.statement.effect == "Deny" and self._perhaps(one, context):
                yield path
        for layer, policies in self._limiting(holder.facts):
            found = list(self._of_set(layer, policies, holder.facts))
            allowing = [pair for pair in found if pair[1].statement.effect == "Allow"]
            if any(self._surely(one, context) for _, one in allowing):
                continue
            yield from (path for path, one in allowing if self._perhaps(one, context))

    def _limiting(self, facts: PrincipalFacts) -> Iterator[tuple[Layer, PolicySet]]:
        yield from ((Layer.RCP, one) for one in self.around.rcps)
        yield from ((Layer.SCP, one) for one in self.around.scps)
        if facts.boundary is not None:
            yield Layer.BOUNDARY, facts.boundary

    def _statements(self, holder: Holder) -> Iterator[tuple[Path, Supposed]]:
        """Every statement about the action that concerns this principal."""
        facts = holder.facts
        for source, (_, policy) in zip(holder.sources, facts.identity.policies, strict=True):
            for one in self.views.supposed(policy):
                yield _own(source, one), one
        if self.around.resource is not None:
            yield from self._of_set(Layer.RESOURCE, self.around.resource, facts)
        for layer, policies in self._limiting(facts):
            yield from self._of_set(layer, policies, facts)

    def _of_set(
        self, layer: Layer, policies: PolicySet, facts: PrincipalFacts
    ) -> Iterator[tuple[Path, Supposed]]:
        is_bounded = facts.boundary is not None
        for label, policy in policies.policies:
            for one in self.views.supposed(policy):
                naming = one.statement.names(facts.principal, bounded=is_bounded)
                if naming is Naming.NONE:
                    continue
                # One that names the account leaves it to the identity policies.
                is_left = naming is Naming.ACCOUNT and not self.around.is_required
                if layer is not Layer.RESOURCE or one.statement.effect == "Deny" or not is_left:
                    yield Path(layer, label, None, None, one.statement, one.unknown), one

    def _perhaps(self, one: Supposed, context: Context) -> bool:
        return self._applies(one.perhaps, context)

    def _surely(self, one: Supposed, context: Context) -> bool:
        return self._applies(one.surely, context)

    def _applies(self, statement: CompiledStatement | None, context: Context) -> bool:
        return applies(statement, resource=self.resource, context=context)


def _own(source: Source, one: Supposed) -> Path:
    return Path(
        Layer.IDENTITY,
        source.label,
        source.policy_id,
        source.group,
        one.statement,
        one.unknown,
    )


class Reach(StrEnum):
    """How much of a statement is left of it beside everything else that concerns somebody."""

    FULL = "full"
    LIMITED = "limited"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Grant:
    """One statement that somebody has.

    Attributes:
        path: The statement and how it came to them.
        reach: What is left of it.
        limits: What limits it: Denies that speak of the same, and Allows of a boundary or of
            guardrails that let only a part pass.
        missing: The layers that let nothing of it pass.
    """

    path: Path
    reach: Reach
    limits: tuple[Path, ...] = ()
    missing: tuple[Layer, ...] = ()


Level = tuple[Layer, tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that stands around what somebody is granted.

    Attributes:
        is_active: Whether they may act at all.
        denies: Every Deny that concerns them.
        levels: What must allow as well: each level of guardrails, and the boundary.
    """

    is_active: bool
    denies: tuple[Path, ...]
    levels: tuple[Level, ...]

    def grant(self, path: Path) -> Grant:
        """What is left of a statement."""
        if path.statement.effect == "Deny":
            return Grant(path, Reach.FULL)
        limits = [one for one in self.denies if overlap(one.statement, path.statement)]
        is_denied = any(_is_whole(one, path) for one in limits)
        missing: list[Layer] = []
        is_limited = bool(limits)
        for layer, allows in self.levels:
            if layer is Layer.BOUNDARY and path.layer is Layer.RESOURCE:
                continue  # whoever a resource's policy itself names needs no Allow of the boundary
            if any(_is_whole(one, path) for one in allows):
                continue
            passing = [one for one in allows if overlap(one.statement, path.statement)]
            limits += passing
            is_limited = True
            if not passing:
                missing.append(layer)
        if is_denied or missing or not self.is_active:
            return Grant(path, Reach.NOTHING, tuple(limits), tuple(missing))
        return Grant(path, Reach.LIMITED if is_limited else Reach.FULL, tuple(limits))


def _is_whole(one: Path, path: Path) -> bool:
    """Whether a statement surely speaks of everything that the other speaks of."""
    return not one.statement.clauses and covers(one.statement, path.statement)


def standing(holder: Holder, around: Surroundings, given: Sequence[Path]) -> Standing:
    """What stands around this principal; `given` is what it has."""
    facts = holder.facts
    levels = [(Layer.RCP, one) for one in around.rcps]
    levels += [(Layer.SCP, one) for one in around.scps]
    if facts.boundary is not None:
        levels.append((Layer.BOUNDARY, facts.boundary))
    denies = [one for one in given if one.statement.effect == "Deny"]
    allowing: list[Level] = []
    for layer, policies in levels:
        paths = list(_paths(layer, policies))
        denies += [one for one in paths if one.statement.effect == "Deny"]
        allowing.append((layer, tuple(one for one in paths if one.statement.effect == "Allow")))
    return Standing(facts.is_active, tuple(denies), tuple(allowing))


def identity_paths(holder: Holder) -> list[tuple[Path, str]]:
    """Every statement of the policies that somebody has, and the document it stands in."""
    policies = holder.facts.identity.policies
    found = []
    for source, (_, policy) in zip(holder.sources, policies, strict=True):
        for one in policy.statements:
            conditions = tuple(clause for clause, _ in one.clauses)
            path = Path(
                Layer.IDENTITY, source.label, source.policy_id, source.group, one, conditions
            )
            found.append((path, source.document))
    return found


def statement_of(document: str, index: int) -> dict[str, Any]:
    """One statement of a document that was compiled, as it is written."""
    found = json.loads(document)["Statement"]
    statement: dict[str, Any] = found[index] if isinstance(found, list) else found
    return statement


@dataclass(frozen=True, slots=True)
class WrittenGrant:
    """A statement that somebody has, and its text."""

    grant: Grant
    statement: dict[str, Any]

    def listed(self, element: str) -> list[str]:
        """The values of an element, one or many; none if it is not there."""
        found = self.statement.get(element, [])
        return list(found) if isinstance(found, list) else [found]


def naming_paths(policies: PolicySet, facts: PrincipalFacts) -> list[Path]:
    """Every statement of the policies of resources that names this principal."""
    return [
        path
        for path in _paths(Layer.RESOURCE, policies)
        if path.statement.names(facts.principal, bounded=facts.boundary is not None)
        > Naming.ACCOUNT
    ]


def _paths(layer: Layer, policies: PolicySet) -> Iterator[Path]:
    for label, policy in policies.policies:
        for one in policy.statements:
            yield Path(layer, label, None, None, one, tuple(clause for clause, _ in one.clauses))


def order(path: Path) -> list[str]:
    """Where a statement stands in a list: by layer, what one has oneself first, then by policy."""
    group = "" if path.group is None else path.group.id
    return [path.layer.value, group, path.policy, f"{path.statement.index:06}"]
