"""The decision: guardrails, resource policy, identity policies, boundary and session policy.

The order is AWS's (IAM User Guide, ``reference_policies_evaluation-logic_policy-eval-denyallow``):
any Deny anywhere ends it; then every level of the guardrails must allow; then, within one account,
the identity policies or the resource policy must allow, and across accounts both; and what the
identity policies allow, boundary and session policy must allow as well. `Naming` tells which
grants of a resource policy escape those two limits.
"""

from dataclasses import replace

from iam_policy.decision import Decision, Effect, Layer, Match
from iam_policy.index import Entry, ResourceTable
from iam_policy.layers import Grants, Layers, Plan
from iam_policy.names import SEGMENTS
from iam_policy.principals import Naming
from iam_policy.request import Principal, Request, folded
from iam_policy.variables import Env

# Looked up once: reading a member of an enumeration takes as long as a dictionary.
_ALLOWED, _EXPLICIT_DENY, _IMPLICIT_DENY = (
    Effect.ALLOWED,
    Effect.EXPLICIT_DENY,
    Effect.IMPLICIT_DENY,
)
_RESOURCE = Layer.RESOURCE
_DIRECT, _LIMITED, _NONE = Naming.DIRECT, Naming.LIMITED, Naming.NONE


def evaluate(request: Request, layers: Layers) -> Decision:
    """Decide one request. Never raises: what goes wrong is a finding, and denies."""
    try:
        return _decide(request, layers)
    except Exception as error:  # noqa: BLE001 -- fail closed, whatever it is
        return Decision(_IMPLICIT_DENY, findings=(f"error: {type(error).__name__}",))


def binding(caller: Principal, layers: Layers) -> Layers:
    """Return the layers that bind this caller: no guardrail for principals binds an outsider."""
    return replace(layers, scps=()) if layers.scps and caller.is_outsider else layers


def _decide(request: Request, layers: Layers) -> Decision:
    env = folded(request.context)
    if env is None or ":" not in request.action:
        finding = "context keys that differ in case only" if env is None else "no service prefix"
        return Decision(_IMPLICIT_DENY, findings=(finding,))
    plan = binding(request.principal, layers).plan(request.action)
    if plan.finding is not None:
        layer, findings = plan.finding
        return Decision(_IMPLICIT_DENY, (), layer, findings)
    for layer, table in plan.denials:
        entry = _denial(layer, table, request, layers, env)
        if entry is not None:
            return Decision(_EXPLICIT_DENY, (entry.match(layer),), layer)
    matched: list[Match] = []
    blocked_by = None
    if plan.passed is not None:  # as nearly always: guardrails that allow all and deny some
        matched += plan.passed
    else:
        blocked_by = _missing(plan.guardrails, request.resource, env, matched)
    if blocked_by is None:
        blocked_by = _grant(request, layers, plan, env, matched)
    if blocked_by is not None:
        return Decision(_IMPLICIT_DENY, (), blocked_by)
    return Decision(_ALLOWED, tuple(matched))


def _denial(
    layer: Layer, table: ResourceTable, request: Request, layers: Layers, env: Env
) -> Entry | None:
    """Find a Deny that applies; in the resource's policy, one that names the caller."""
    if layer is not _RESOURCE:
        return table.first(request.resource, env)
    bounded = layers.boundary is not None
    for entry in table.applying(request.resource, env):
        if entry.statement.names(request.principal, bounded=bounded):
            return entry
    return None


def _missing(
    needed: tuple[Grants, ...] | list[Grants], resource: str, env: Env, matched: list[Match]
) -> Layer | None:
    """Return the first layer without an Allow; until then, add the Allow statements found."""
    for grants in needed:
        match = grants.match(resource, env)
        if match is None:
            return grants.layer
        matched.append(match)
    return None


def _grant(
    request: Request, layers: Layers, plan: Plan, env: Env, matched: list[Match]
) -> Layer | None:
    """Add the Allow statements that are needed to ``matched``, or return the layer without one."""
    caller = request.principal
    naming, giver = _NONE, None
    if plan.resource is not None:
        naming, giver = _naming(request, plan.resource, env)
    own = caller.account is not None and caller.account == owner_of(request)
    is_direct = naming is _DIRECT and (own or caller.is_outsider)
    is_enough = is_direct or (own and naming is _LIMITED)
    is_needed = layers.resource_policy_required or not own
    if is_needed and giver is None:
        return _RESOURCE
    if giver is not None and (is_needed or is_enough):
        matched.append(giver.match(_RESOURCE))
    needed: list[Grants] = []
    if not is_enough and not caller.is_root:
        needed.append(plan.identity)
    # A grant that names the caller itself escapes its boundary.
    if layers.boundary is not None and not is_direct:
        needed.append(plan.boundary)
    if _is_narrowed(caller, layers, is_direct=is_direct):
        needed.append(plan.session)
    return _missing(needed, request.resource, env, matched)


def _is_narrowed(caller: Principal, layers: Layers, *, is_direct: bool) -> bool:
    """Tell whether a grant to the caller must pass a session policy.

    A grant that names a session itself escapes it. A user or service with a session policy is
    somebody for whom an application acts: that policy is the most the application may do, whoever
    grants. A federated user has nothing but what its session policy passes on, so without one it
    passes nothing.
    """
    if not caller.is_session:
        return layers.sessions is not None
    return not is_direct and (
        layers.sessions is not None or ":federated-user/" in (caller.arn or "")
    )


def _naming(request: Request, table: ResourceTable, env: Env) -> tuple[Naming, Entry | None]:
    """Find the most direct grant of the resource policy to the caller."""
    best, giver = _NONE, None
    for entry in table.applying(request.resource, env):
        naming = entry.statement.names(request.principal, bounded=False)
        if naming > best:
            best, giver = naming, entry
    return best, giver


def owner_of(request: Request) -> str | None:
    """Return the account that owns the resource; one that the ARN does not name is the caller's."""
    if request.resource_account is not None:
        return request.resource_account
    parts = request.resource.split(":", SEGMENTS - 1)
    named = parts[4] if len(parts) == SEGMENTS else ""
    return named or request.principal.account
