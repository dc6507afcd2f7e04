"""The policies that a decision is made from, and what each of them says about one action."""

from dataclasses import dataclass, field

from iam_policy.decision import Layer, Match
from iam_policy.index import EMPTY, PolicySet, ResourceTable
from iam_policy.variables import Env

_MISPLACED = ("a policy stands in a layer that its kind does not fit",)
_MEMO_SIZE = 128  # action names come from callers: a hostile one must not fill the memory


class Grants:
    """The Allow statements of one layer that match one action.

    Attributes:
        layer: Which layer.
        sure: A statement that allows whatever the resource and the context are, or None.
    """

    __slots__ = ("_table", "layer", "sure")

    def __init__(self, layer: Layer, table: ResourceTable | None) -> None:
        self.layer = layer
        self._table = table
        entry = None if table is None else table.sure
        self.sure = None if entry is None else entry.match(layer)

    def match(self, resource: str, env: Env) -> Match | None:
        """Return one statement that allows, or None."""
        if self.sure is not None:  # a guardrail, mostly: it allows whatever the rest forbids
            return self.sure
        entry = None if self._table is None else self._table.first(resource, env)
        return None if entry is None else entry.match(self.layer)


class Plan:
    """What the layers say about one action.

    Attributes:
        finding: What is wrong with any layer, and which; it denies.
        denials: The layers with a Deny for the action, in the order of evaluation.
        guardrails: The levels that must allow, in order.
        passed: What allowed it there, when every level allows whatever it is asked; else None.
        resource: The Allow statements of the resource's policy.
        identity: What the caller's own policies allow.
        boundary: What the permissions boundary allows; nothing if there is none.
        session: What the session policies allow; nothing if there are none.
    """

    __slots__ = (
        "boundary",
        "denials",
        "finding",
        "guardrails",
        "identity",
        "passed",
        "resource",
        "session",
    )

    def __init__(self, stack: list[tuple[Layer, PolicySet]], action: str) -> None:
        self.finding: tuple[Layer, tuple[str, ...]] | None = None
        self.resource: ResourceTable | None = None
        denials: list[tuple[Layer, ResourceTable]] = []
        guardrails: list[Grants] = []
        others: dict[str, Grants] = {}
        for layer, policies in stack:
            is_fit = policies.fits_resource if layer is Layer.RESOURCE else policies.fits_elsewhere
            if not is_fit and self.finding is None:
                self.finding = (layer, policies.findings or _MISPLACED)
            deny, allow = policies.tables(action)
            if deny is not None:
                denials.append((layer, deny))
            if layer is Layer.RESOURCE:
                self.resource = allow
            elif layer in _GUARDRAILS:
                guardrails.append(Grants(layer, allow))
            else:
                others[layer.value] = Grants(layer, allow)
        self.denials = tuple(denials)
        self.guardrails = tuple(guardrails)
        sure = [grants.sure for grants in guardrails if grants.sure is not None]
        self.passed = sure if len(sure) == len(guardrails) else None
        self.identity = others["identity"]
        self.boundary = others.get("boundary", _NO_BOUNDARY)
        self.session = others.get("session", _NO_SESSION)


_GUARDRAILS = (Layer.RCP, Layer.SCP)
_NO_BOUNDARY = Grants(Layer.BOUNDARY, None)
_NO_SESSION = Grants(Layer.SESSION, None)


@dataclass(frozen=True, slots=True, weakref_slot=True)  # shared by whoever has the same policies
class Layers:
    """The policies that a decision is made from. Keep one for as long as none of them changes.

    Attributes:
        identity: Of the caller and its groups; for a session, of its role.
        boundary: The permissions boundary; None if none is attached.
        sessions: The session policies, together; None if the session was made without.
        resource: The resource's own policy, or a role's trust policy; None if it has none.
        scps: Guardrails for principals, one set a level from root to account; () if none apply.
            A level without policies allows nothing. Callers without an account see none.
        rcps: Guardrails for resources, in the same form. They bind every caller.
        resource_policy_required: The resource policy must allow even within the account, as a
            role's trust policy must (``sts:AssumeRole``).
    """

    identity: PolicySet = EMPTY
    boundary: PolicySet | None = None
    sessions: PolicySet | None = None
    resource: PolicySet | None = None
    scps: tuple[PolicySet, ...] = ()
    rcps: tuple[PolicySet, ...] = ()
    resource_policy_required: bool = False
    _plans: dict[str, Plan] = field(init=False, repr=False, compare=False, default_factory=dict)

    def plan(self, action: str) -> Plan:
        """Return what the layers say about an action; made on its first use."""
        found = self._plans.get(action)
        if found is None:
            found = Plan(self.stack(), action)
            if len(self._plans) >= _MEMO_SIZE:
                self._plans.clear()
            self._plans[action] = found
        return found

    def stack(self) -> list[tuple[Layer, PolicySet]]:
        """List the sets in the order of evaluation."""
        stack = [(Layer.RCP, policies) for policies in self.rcps]
        stack += [(Layer.SCP, policies) for policies in self.scps]
        single = (
            (Layer.RESOURCE, self.resource),
            (Layer.IDENTITY, self.identity),
            (Layer.BOUNDARY, self.boundary),
            (Layer.SESSION, self.sessions),
        )
        return stack + [(layer, policies) for layer, policies in single if policies is not None]
