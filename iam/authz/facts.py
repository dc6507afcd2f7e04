"""What the engine must know of a principal. Both lanes decide from this value, and from it alone.

`gather.py` reads it from the database, `snapshots.py` keeps it in memory: the lane changes how
facts are read, never what is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from weakref import WeakValueDictionary

from iam.authz.condition_keys import both_prefixes
from iam.authz.surroundings import (
    NOTHING,
    Surroundings,
    owning_account,
)
from iam_policy import (
    Context,
    Decision,
    Layers,
    PolicySet,
    Principal,
    Request,
    evaluate,
)

_MEMO_SIZE: Final = 16  # the resources of one principal that have policies, mostly


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalFacts:
    """One principal with everything that limits or permits it, at one moment.

    Attributes:
        id: Immutable id.
        arn: Its ARN.
        account: Its account.
        kind: `user`, `service` or `role`.
        name: Its name.
        is_active: Whether it and its account may act.
        epoch: The principal epoch; tokens of another one are refused.
        tags: Its tags.
        identity: Its own and its groups' policies, indexed.
        boundary: Its permissions boundary; `None` when it has none.
        trust: Of a role: who may assume it.
        depends_on: The entity ids whose change makes this value stale.
        context: The condition keys that follow from all this, folded for all its decisions.
        principal: The same as the engine names it.
        layers: What the engine decides by; of a principal that may not act, nothing.
    """

    id: str
    arn: str
    account: str
    kind: str
    name: str
    is_active: bool
    epoch: int
    tags: Mapping[str, str]
    identity: PolicySet
    boundary: PolicySet | None
    trust: PolicySet | None = None
    depends_on: frozenset[str]
    context: Context = field(init=False, repr=False, compare=False)
    principal: Principal = field(init=False, repr=False, compare=False)
    layers: Layers = field(init=False, repr=False, compare=False)
    _within: dict[Surroundings, Layers] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Say once what the engine wants to know, so that no decision has to."""
        principal = Principal(arn=self.arn, account=self.account, id=self.id)
        object.__setattr__(self, "principal", principal)
        layers = _shared_layers(self.identity, self.boundary) if self.is_active else Layers()
        object.__setattr__(self, "layers", layers)
        values: dict[str, Any] = {
            "PrincipalArn": self.arn,
            "PrincipalAccount": self.account,
            "PrincipalType": self.kind.capitalize(),
            "userid": self.id,
        }
        if self.kind != "role":
            values["username"] = self.name
        for key, value in self.tags.items():
            values[f"PrincipalTag/{key}"] = value
        object.__setattr__(self, "context", Context(both_prefixes(values)))

    def within(self, around: Surroundings) -> Layers:
        """What the engine decides by in these surroundings; kept, as it gathers what is asked."""
        if around is NOTHING or not self.is_active:
            return self.layers
        found = self._within.get(around)
        if found is None:
            found = Layers(
                identity=self.identity,
                boundary=self.boundary,
                resource=around.resource,
                scps=around.scps,
                rcps=around.rcps,
                resource_policy_required=around.is_required,
            )
            if len(self._within) >= _MEMO_SIZE:
                self._within.clear()
            self._within[around] = found
        return found


def _shared_layers(identity: PolicySet, boundary: PolicySet | None) -> Layers:
    """One value for all who have the same policies: what it remembers, it remembers once."""
    key = (identity, boundary)
    found = _layers.get(key)
    if found is None:
        found = _layers[key] = Layers(identity=identity, boundary=boundary)
    return found


_layers: Final = WeakValueDictionary[tuple[PolicySet, PolicySet | None], Layers]()


@dataclass(frozen=True, slots=True)
class RoleSession:
    """A session of a role: its ARN, and the session policies that narrow it, if any."""

    arn: str
    policies: PolicySet | None


def decide(
    facts: PrincipalFacts,
    *,
    action: str,
    resource: str,
    context: Mapping[str, Any],
    around: Surroundings,
    session: RoleSession | None = None,
) -> Decision:
    """Ask the engine about one principal, or about a session of it when it is a role.

    A principal that is not active is allowed nothing. `context` must already hold the server's
    own keys (`principal_context`), `around` what stands around principal and resource.
    """
    who, layers = facts.principal, facts.within(around)
    if session is not None:
        who = Principal(arn=session.arn, account=facts.account, id=facts.id, role_arn=facts.arn)
        layers = replace(layers, sessions=session.policies) if facts.is_active else layers
    request = Request(
        principal=who,
        action=action,
        resource=resource,
        context=context,
        resource_account=owning_account(resource, facts.account),
    )
    return evaluate(request, layers)
