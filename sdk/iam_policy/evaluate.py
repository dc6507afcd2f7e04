"""The decision: guardrails, resource policy, identity policies, boundary and session policy.

The order is AWS's (IAM User Guide, ``reference_policies_evaluation-logic_policy-eval-denyallow``):
any Deny anywhere ends it; then every level of the guardrails must allow; then, within one account,
the identity policies or the resource policy must allow, and across accounts both; and what the
identity policies allow, boundary and session policy must allow as well. `Naming` tells which
grants of a resource policy escape those two limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from iam_policy.decision import Decision, Effect, Layer, Match
from iam_policy.index import EMPTY, Entry, PolicySet, ResourceTable
from iam_policy.names import SEGMENTS
from iam_policy.principals import Naming, is_session_arn
from iam_policy.request import Principal, Request
from iam_policy.variables import Env

_RESOURCE = Layer.RESOURCE
_MISPLACED = ("a policy stands in a layer that its kind does not fit",)


@dataclass(frozen=True, slots=True)
class Layers:
    """The policies that a decision is made from.

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


def evaluate(request: Request, layers: Layers) -> Decision:
    """Decide one request. Never raises: what goes wrong is a finding, and denies."""
    try:
        return _decide(request, layers)
    except Exception as error:  # noqa: BLE001 -- fail closed, whatever it is
        return Decision(Effect.IMPLICIT_DENY, findings=(f"error: {type(error).__name__}",))


def _decide(request: Request, layers: Layers) -> Decision:
    env = request.folded
    if env is None or ":" not in request.action:
        finding = "context keys that differ in case only" if env is None else "no service prefix"
        return Decision(Effect.IMPLICIT_DENY, findings=(finding,))
    guardrails, stack = policy_stack(request.principal, layers)
    allows: list[tuple[Layer, ResourceTable | None]] = []
    for layer, policies in stack:
        if not (policies.fits_resource if layer is _RESOURCE else policies.fits_elsewhere):
            return Decision(Effect.IMPLICIT_DENY, (), layer, policies.findings or _MISPLACED)
        deny, allow = policies.tables(request.action)
        entry = None if deny is None else _denial(layer, deny, request, layers, env)
        if entry is not None:
            return Decision(Effect.EXPLICIT_DENY, (entry.match(layer),), layer)
        allows.append((layer, allow))
    matched: list[Match] = []
    blocked_by = _missing(allows[:guardrails], request.resource, env, matched)
    if blocked_by is None:
        blocked_by = _grant(request, layers, dict(allows[guardrails:]), env, matched)
    if blocked_by is not None:
        return Decision(Effect.IMPLICIT_DENY, (), blocked_by)
    return Decision(Effect.ALLOWED, tuple(matched))


def policy_stack(caller: Principal, layers: Layers) -> tuple[int, list[tuple[Layer, PolicySet]]]:
    """List the sets in the order of evaluation, and say how many of them are guardrails."""
    stack = [(Layer.RCP, policies) for policies in layers.rcps]
    if layers.scps and not _is_outsider(caller):
        stack += [(Layer.SCP, policies) for policies in layers.scps]
    guardrails = len(stack)
    if layers.resource is not None:
        stack.append((_RESOURCE, layers.resource))
    stack.append((Layer.IDENTITY, layers.identity))
    if layers.boundary is not None:
        stack.append((Layer.BOUNDARY, layers.boundary))
    if layers.sessions is not None:
        stack.append((Layer.SESSION, layers.sessions))
    return guardrails, stack


def _is_outsider(caller: Principal) -> bool:
    """Anonymous callers and AWS service principals belong to no account that could limit them."""
    return caller.account is None and (caller.arn is None or not caller.arn.startswith("arn:"))


def _denial(
    layer: Layer, table: ResourceTable, request: Request, layers: Layers, env: Env
) -> Entry | None:
    """Find a Deny that applies; in the resource's policy, one that names the caller."""
    if layer is not _RESOURCE:
        return table.first(request.resource, env)
    bounded = layers.boundary is not None
    for entry in table.every(request.resource, env):
        if entry.statement.names(request.principal, bounded=bounded):
            return entry
    return None


def _missing(
    needed: list[tuple[Layer, ResourceTable | None]],
    resource: str,
    env: Env,
    matched: list[Match],
) -> Layer | None:
    """Return the first layer without an Allow; until then, add the Allow statements found."""
    for layer, table in needed:
        entry = None if table is None else table.first(resource, env)
        if entry is None:
            return layer
        matched.append(entry.match(layer))
    return None


def _grant(
    request: Request,
    layers: Layers,
    allows: Mapping[Layer, ResourceTable | None],
    env: Env,
    matched: list[Match],
) -> Layer | None:
    """Add the Allow statements that are needed to ``matched``, or return the layer without one."""
    caller = request.principal
    naming, giver = _naming(request, allows.get(_RESOURCE), env)
    own = caller.account is not None and caller.account == _owner(request)
    is_direct = naming is Naming.DIRECT and (own or _is_outsider(caller))
    is_enough = is_direct or (own and naming is Naming.LIMITED)
    is_needed = layers.resource_policy_required or not own
    if is_needed and giver is None:
        return _RESOURCE
    if giver is not None and (is_needed or is_enough):
        matched.append(giver.match(_RESOURCE))
    needed = _limits(caller, layers, is_direct=is_direct)
    if not is_enough and not caller.is_root:
        needed.insert(0, Layer.IDENTITY)
    return _missing([(one, allows.get(one)) for one in needed], request.resource, env, matched)


def _limits(caller: Principal, layers: Layers, *, is_direct: bool) -> list[Layer]:
    """List what a grant to the caller must pass besides: boundary and session policy.

    A grant that names the caller itself escapes its boundary, and a session's own policy too. A
    user or service with a session policy is somebody for whom an application acts: that policy is
    the most the application may do, whoever grants. A federated user has nothing but what its
    session policy passes on, so without one it passes nothing.
    """
    arn = caller.arn or ""
    is_session = is_session_arn(arn)
    limits: list[Layer] = []
    if layers.boundary is not None and not is_direct:
        limits.append(Layer.BOUNDARY)
    has_nothing = is_session and layers.sessions is None and ":federated-user/" in arn
    if (layers.sessions is not None or has_nothing) and not (is_direct and is_session):
        limits.append(Layer.SESSION)
    return limits


def _naming(request: Request, table: ResourceTable | None, env: Env) -> tuple[Naming, Entry | None]:
    """Find the most direct grant of the resource policy to the caller."""
    best: Naming = Naming.NONE
    giver: Entry | None = None
    if table is not None:
        for entry in table.every(request.resource, env):
            naming = entry.statement.names(request.principal, bounded=False)
            if naming > best:
                best, giver = naming, entry
    return best, giver


def _owner(request: Request) -> str | None:
    """Return the account that owns the resource; one that the ARN does not name is the caller's."""
    if request.resource_account is not None:
        return request.resource_account
    parts = request.resource.split(":", SEGMENTS - 1)
    named = parts[4] if len(parts) == SEGMENTS else ""
    return named or request.principal.account
