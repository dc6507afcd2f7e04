"""The decision: guardrails, resource policy, identity policies, boundary and session policy.

The order is AWS's (IAM User Guide, ``reference_policies_evaluation-logic_policy-eval-denyallow``):
any Deny anywhere ends it; then every level of the guardrails must allow; then, within one account,
the identity policies or the resource policy must allow, and across accounts both; and what the
identity policies allow, boundary and session policy must allow as well. `Naming` tells which
grants of a resource policy escape those two limits.
"""

from dataclasses import dataclass

from iam_policy.decision import Decision, Effect, Layer, Match
from iam_policy.index import EMPTY, Entry, PolicySet, ResourceTable
from iam_policy.names import SEGMENTS
from iam_policy.principals import Naming, is_session_arn
from iam_policy.request import Principal, Request
from iam_policy.variables import Env


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
        finding = (
            "an action without service prefix"
            if env is not None
            else "two context keys that differ in case"
        )
        return Decision(Effect.IMPLICIT_DENY, findings=(finding,))
    guardrails, stack = policy_stack(request.principal, layers)
    for layer, policies in stack:
        if policies.findings or not _is_in_place(layer, policies):
            return Decision(Effect.IMPLICIT_DENY, blocked_by=layer, findings=_findings(policies))
    denied = _denial(request, layers, stack, env)
    if denied is not None:
        return denied
    matched: list[Match] = []
    for layer, policies in stack[:guardrails]:
        entry = _allow(policies, request, env)
        if entry is None:
            return Decision(Effect.IMPLICIT_DENY, blocked_by=layer)
        matched.append(_match(layer, entry))
    blocked_by = _grant(request, layers, env, matched)
    if blocked_by is not None:
        return Decision(Effect.IMPLICIT_DENY, blocked_by=blocked_by)
    return Decision(Effect.ALLOWED, tuple(matched))


def policy_stack(caller: Principal, layers: Layers) -> tuple[int, list[tuple[Layer, PolicySet]]]:
    """List the sets in the order of evaluation, and say how many of them are guardrails."""
    stack = [(Layer.RCP, policies) for policies in layers.rcps]
    if not _is_outsider(caller):
        stack += [(Layer.SCP, policies) for policies in layers.scps]
    guardrails = len(stack)
    if layers.resource is not None:
        stack.append((Layer.RESOURCE, layers.resource))
    stack.append((Layer.IDENTITY, layers.identity))
    if layers.boundary is not None:
        stack.append((Layer.BOUNDARY, layers.boundary))
    if layers.sessions is not None:
        stack.append((Layer.SESSION, layers.sessions))
    return guardrails, stack


def _is_outsider(caller: Principal) -> bool:
    """Anonymous callers and AWS service principals belong to no account that could limit them."""
    return caller.account is None and (caller.arn is None or not caller.arn.startswith("arn:"))


def _is_in_place(layer: Layer, policies: PolicySet) -> bool:
    return policies.names_principals if layer is Layer.RESOURCE else policies.is_plain


def _findings(policies: PolicySet) -> tuple[str, ...]:
    return policies.findings or ("a policy stands in a layer that its kind does not fit",)


def _denial(
    request: Request, layers: Layers, stack: list[tuple[Layer, PolicySet]], env: Env
) -> Decision | None:
    """Find a Deny that applies, in any layer."""
    for layer, policies in stack:
        table = policies.tables(request.action)[0]
        if table is None:
            continue
        entry: Entry | None
        if layer is Layer.RESOURCE:
            entry = _resource_denial(table, request, env, bounded=layers.boundary is not None)
        else:
            entry = table.first(request.resource, env)
        if entry is not None:
            return Decision(Effect.EXPLICIT_DENY, (_match(layer, entry),), layer)
    return None


def _resource_denial(
    table: ResourceTable, request: Request, env: Env, *, bounded: bool
) -> Entry | None:
    """Find a Deny of the resource policy that names the caller."""
    for entry in table.every(request.resource, env):
        if entry.statement.names(request.principal, bounded=bounded):
            return entry
    return None


def _grant(request: Request, layers: Layers, env: Env, matched: list[Match]) -> Layer | None:
    """Add the Allow statements that are needed to ``matched``, or return the layer without one."""
    caller = request.principal
    naming, giver = _naming(request, layers.resource, env)
    own = caller.account is not None and caller.account == _owner(request)
    is_direct = naming is Naming.DIRECT and (own or _is_outsider(caller))
    is_needed = layers.resource_policy_required or not own
    if is_needed and naming is Naming.NONE:
        return Layer.RESOURCE
    is_enough = is_direct or (own and naming is Naming.LIMITED)
    if giver is not None and (is_needed or is_enough):
        matched.append(_match(Layer.RESOURCE, giver))
    limits = _limits(caller, layers, is_direct=is_direct)
    if not is_enough and not caller.is_root:
        limits.insert(0, (Layer.IDENTITY, layers.identity))
    for layer, policies in limits:
        entry = _allow(policies, request, env)
        if entry is None:
            return layer
        matched.append(_match(layer, entry))
    return None


def _limits(caller: Principal, layers: Layers, *, is_direct: bool) -> list[tuple[Layer, PolicySet]]:
    """List what a grant to the caller must pass besides: boundary and session policy.

    A grant that names the caller itself escapes its boundary, and a session's own policy too. A
    user or service with a session policy is somebody for whom an application acts: that policy is
    the most the application may do, whoever grants.
    """
    arn = caller.arn or ""
    is_session = is_session_arn(arn)
    if is_direct:
        limited = layers.sessions is not None and not is_session
        return [(Layer.SESSION, layers.sessions or EMPTY)] if limited else []
    limits = [] if layers.boundary is None else [(Layer.BOUNDARY, layers.boundary)]
    if layers.sessions is not None:
        limits.append((Layer.SESSION, layers.sessions))
    elif is_session and "assumed-role/" not in arn:
        limits.append((Layer.SESSION, EMPTY))  # a federated user without session policy has nothing
    return limits


def _naming(request: Request, policies: PolicySet | None, env: Env) -> tuple[Naming, Entry | None]:
    """Find the most direct grant of the resource policy to the caller."""
    table = None if policies is None else policies.tables(request.action)[1]
    best, giver = Naming.NONE, None
    for entry in () if table is None else table.every(request.resource, env):
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


def _allow(policies: PolicySet, request: Request, env: Env) -> Entry | None:
    table = policies.tables(request.action)[1]
    return None if table is None else table.first(request.resource, env)


def _match(layer: Layer, entry: Entry) -> Match:
    statement = entry.statement
    return Match(layer, entry.label, statement.index, statement.sid, statement.effect)
