"""Use case of simulation: every action on every resource, decided and explained."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import orjson
import structlog

from iam.authz.actions import Action
from iam.authz.condition_keys import both_prefixes, clock_keys
from iam.authz.facts import PrincipalFacts
from iam.authz.snapshots import PrincipalSnapshots, SurroundingSnapshots
from iam.authz.surroundings import NOTHING, Surroundings, is_assuming, owning_account
from iam.errors import not_found
from iam.features.decisions.service import Asker, DecisionPoint
from iam.features.simulation.rules import Caller, Simulation
from iam.kit.framing import framed
from iam.models import MAIN_ACCOUNT
from iam.work import Tools
from iam_policy import (
    EMPTY,
    Context,
    Decision,
    Effect,
    Explanation,
    Layer,
    Layers,
    Match,
    Principal,
    Request,
    build_set,
    explain,
    for_caller,
    sentences,
)
from iam_policy.variables import ContextValue

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one action on one resource.

    Attributes:
        resource: The resource.
        explanation: The engine's decision, and what every statement had to say.
        is_cross_account: Caller and resource belong to different accounts.
        told: The reasons in words; empty unless they were asked for.
    """

    resource: str
    explanation: Explanation
    is_cross_account: bool
    told: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision:
        """The decision."""
        return self.explanation.decision

    @property
    def matched(self) -> tuple[Match, ...]:
        """The statements that determine the result: what denied; or else all that allowed."""
        if self.decision.effect is Effect.EXPLICIT_DENY:
            return tuple(self._applying("Deny"))
        return self.explanation.granted_by

    @property
    def missing_keys(self) -> list[str]:
        """The condition keys that policies ask for in vain, as these write them."""
        written = {
            clause.key.lower(): clause.key
            for trace in self.explanation.traces
            for clause, _ in trace.statement.clauses
        }
        return sorted(written.get(key, key) for key in self.explanation.missing_keys)

    @property
    def allowed_by_guardrails(self) -> bool | None:
        """Whether the guardrails let it pass; `None` where none stand in the way."""
        bound = self.explanation.layers  # an SCP binds nobody who belongs to no account
        if not bound.scps and not bound.rcps:
            return None
        levels = [(Layer.SCP, level) for level in range(len(bound.scps))]
        levels += [(Layer.RCP, level) for level in range(len(bound.rcps))]
        return all(self._says(*each) is Effect.ALLOWED for each in levels)

    @property
    def allowed_by_boundary(self) -> bool | None:
        """Whether the permissions boundary lets it pass; `None` where there is none."""
        if self.explanation.layers.boundary is None:
            return None
        return self._says(Layer.BOUNDARY) is Effect.ALLOWED

    @property
    def by_layer(self) -> dict[str, Effect]:
        """What each side says about access across accounts; empty within one."""
        sides = (Layer.IDENTITY, Layer.RESOURCE)
        return {side.value: self._says(side) for side in sides} if self.is_cross_account else {}

    def _applying(self, effect: str) -> Iterator[Match]:
        for trace in self.explanation.traces:
            if trace.match.effect == effect and trace.applies:
                yield trace.match

    def _says(self, layer: Layer, level: int = 0) -> Effect:
        applying = {
            trace.match.effect
            for trace in self.explanation.traces
            if trace.match.layer is layer and trace.level == level and trace.applies
        }
        if "Deny" in applying:
            return Effect.EXPLICIT_DENY
        return Effect.ALLOWED if applying else Effect.IMPLICIT_DENY


@dataclass(frozen=True, slots=True)
class Simulated:
    """One action on all resources."""

    action: str
    results: Sequence[Result]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One page of what was simulated; `marker` leads to the next one."""

    simulated: Sequence[Simulated]
    marker: str | None


class Simulator:
    """Simulates from memory, by the facts that decisions are made from."""

    def __init__(
        self,
        tools: Tools,
        point: DecisionPoint,
        *,
        principals: PrincipalSnapshots,
        surroundings: SurroundingSnapshots,
    ) -> None:
        self._tools = tools
        self._point = point
        self._principals = principals
        self._surroundings = surroundings

    async def simulate(
        self, asker: Asker, simulation: Simulation, *, body: Mapping[str, object]
    ) -> Outcome:
        """Simulate one page of the actions.

        Raises `IamError` of kind `denied` when the asker may not, `not_found` for a principal that
        is not there.
        """
        facts = await self._source(asker, simulation)
        scope = _scope(asker, body)
        begin = 0
        if simulation.marker is not None:
            begin = int(self._tools.cursors.decode(simulation.marker, scope=scope)[0])
        end = begin + simulation.max_items
        scene = _Scene(simulation, facts, asker, self._surroundings)
        keys = clock_keys(self._tools.clock.now())
        simulated = [
            Simulated(
                action, [await scene.decide(action, each, keys) for each in simulation.resources]
            )
            for action in simulation.actions[begin:end]
        ]
        _log.info(
            "simulated",
            asker=asker.facts.arn,
            principal=simulation.source,
            actions=len(simulated),
            resources=len(simulation.resources),
            request_id=asker.request_id,
        )
        is_last = end >= len(simulation.actions)
        marker = None if is_last else self._tools.cursors.encode([str(end)], scope=scope)
        return Outcome(simulated, marker)

    async def _source(self, asker: Asker, simulation: Simulation) -> PrincipalFacts | None:
        """The stored principal, if the asker may simulate it."""
        if simulation.source is None:
            await self._point.authorize(asker, Action.SIMULATE_CUSTOM_POLICY, "*")
            return None
        action = Action.SIMULATE_PRINCIPAL_POLICY
        await self._point.authorize(asker, action, simulation.source)
        facts = await self._principals.find(simulation.source)
        if facts is None:
            raise not_found("not_found", f"there is no principal `{simulation.source[:128]}`")
        return facts


class _Scene:
    """Who is simulated, under which policies."""

    def __init__(
        self,
        simulation: Simulation,
        facts: PrincipalFacts | None,
        asker: Asker,
        surroundings: SurroundingSnapshots,
    ) -> None:
        self._simulation = simulation
        self._facts = facts
        self._surroundings = surroundings
        self._teller = asker.facts.account
        self._layers: dict[Surroundings, Layers] = {}
        self._principal = _principal(simulation.caller, facts, asker)

    async def decide(self, action: str, resource: str, clock: Mapping[str, ContextValue]) -> Result:
        """Decide one action on one resource, and explain."""
        await asyncio.sleep(0)  # a simulation is long, and others wait for their answers
        layers = self._within(await self._around(action, resource))
        owner = self._owner(resource)
        context = self._given.over({**self._known, **clock})
        request = Request(self._principal, action, resource, context, owner)
        explanation = explain(request, layers)
        return Result(
            resource,
            explanation,
            is_cross_account=self._principal.account not in {None, owner},
            told=self._told(explanation, owner) if self._simulation.explains else (),
        )

    @cached_property
    def _given(self) -> Context:
        return Context(self._simulation.context)

    @cached_property
    def _known(self) -> Mapping[str, ContextValue]:
        """What is known of the caller: of a stored one everything, of another one its name."""
        facts, caller = self._facts, self._simulation.caller
        if caller is None:
            return {}
        is_other = facts is None or facts.arn not in {caller.arn, self._principal.role_arn}
        if facts is None or is_other or caller.id is not None:
            return caller.context
        own = {} if facts.arn == caller.arn else _session_keys(facts, caller)
        return Context(own).over(facts.context)

    def _owner(self, resource: str) -> str:
        home = self._simulation.owner or self._principal.account or self._teller
        return owning_account(resource, home)

    async def _around(self, action: str, resource: str) -> Surroundings:
        given = self._simulation.resource_policy
        found = NOTHING
        if self._facts is not None:
            account = self._facts.account
            found = await self._surroundings.find(account, action=action, resource=resource)
        if given is None:
            return found
        # Each resource is treated as if it had this policy, and no other.
        return Surroundings(found.scps, found.rcps, given, is_assuming(action))

    def _within(self, around: Surroundings) -> Layers:
        layers = self._layers.get(around)
        if layers is None:
            layers = self._layers[around] = self._built(around)
        return layers

    def _built(self, around: Surroundings) -> Layers:
        facts, asked = self._facts, self._simulation
        if facts is not None and not facts.is_active:
            return Layers()
        stored = EMPTY if facts is None else facts.identity
        boundary = None if facts is None else facts.boundary
        return Layers(
            identity=build_set([*stored.policies, *asked.policies]) if asked.policies else stored,
            boundary=asked.boundary or boundary,
            sessions=asked.sessions,
            resource=around.resource,
            scps=(*around.scps, *asked.scps),
            rcps=(*around.rcps, *asked.rcps),
            resource_policy_required=around.is_required,
        )

    def _told(self, explanation: Explanation, owner: str) -> tuple[str, ...]:
        """The reasons; in short where what stood in the way is not the asker's to read."""
        blocked = explanation.decision.blocked_by
        is_stored = self._facts is not None
        is_above = is_stored and blocked in _ABOVE and self._teller != MAIN_ACCOUNT
        is_elsewhere = blocked is Layer.RESOURCE and self._teller != owner
        if is_above or is_elsewhere:
            return (str(for_caller(explanation)),)
        return sentences(explanation)


def _principal(caller: Caller | None, facts: PrincipalFacts | None, asker: Asker) -> Principal:
    if caller is None:
        # Nobody in particular: somebody of the asker's account whom no document can name.
        root = asker.facts.arn.rpartition(":")[0]
        return Principal(arn=f"{root}:user/*", account=asker.facts.account)
    if facts is None or caller.id is not None:
        return caller.principal
    if caller.arn == facts.arn:
        return facts.principal
    if _is_session_of(caller, facts):
        return replace(caller.principal, id=facts.id, role_arn=facts.arn)
    return caller.principal


def _is_session_of(caller: Caller, facts: PrincipalFacts) -> bool:
    """Whether the caller is a session of the stored role: its ARN tells account and name."""
    named = (caller.role_arn or "").rpartition("role/")[2]
    return facts.kind == "role" and (caller.account, named) == (facts.account, facts.name)


def _session_keys(facts: PrincipalFacts, caller: Caller) -> dict[str, str]:
    own = {"PrincipalType": caller.type, "userid": f"{facts.id}:{caller.name}"}
    return both_prefixes(own)


def _scope(asker: Asker, body: Mapping[str, object]) -> str:
    """What a marker is bound to: who asks, and all of the question but the place in the answer."""
    asked = {name: value for name, value in body.items() if name not in {"marker", "max_items"}}
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return framed("simulation", asker.facts.id, digest)


def most_restrictive(results: Iterable[Result]) -> Effect:
    """The decision about all resources together: of any that is denied, the worst."""
    effects = {result.decision.effect for result in results}
    return next(effect for effect in _WORST_FIRST if effect in effects)


_ABOVE = frozenset({Layer.SCP, Layer.RCP})
_WORST_FIRST = (Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY, Effect.ALLOWED)
