"""What the engine must know of a principal. Both lanes decide from this value, and from it alone.

`gather.py` reads it from the database, `snapshots.py` keeps it in memory: the lane changes how
facts are read, never what is allowed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from iam.authz.condition_keys import both_prefixes
from iam_policy import (
    CompiledPolicy,
    Decision,
    DocumentKind,
    Layers,
    PolicySet,
    Principal,
    Request,
    build_set,
    compile_stored,
    evaluate,
)

# Service, region and account of a shipped policy's ARN. The account is `SHIPPED_ACCOUNT` of the
# models, repeated because facts know no tables; a test compares the two.
_SHIPPED = ("iam", "", "iam")


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
        depends_on: The entity ids whose change makes this value stale.
        context: The condition keys that follow from all this.
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
    depends_on: frozenset[str]
    context: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    principal: Principal = field(init=False, repr=False, compare=False)
    layers: Layers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Say once what the engine wants to know, so that no decision has to."""
        principal = Principal(arn=self.arn, account=self.account, id=self.id)
        object.__setattr__(self, "principal", principal)
        layers = Layers(identity=self.identity, boundary=self.boundary)
        object.__setattr__(self, "layers", layers if self.is_active else Layers())
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
        object.__setattr__(self, "context", both_prefixes(values))


@dataclass(frozen=True, slots=True)
class RoleSession:
    """A session of a role: its ARN, and the session policies that narrow it, if any."""

    arn: str
    policies: PolicySet | None


def policy_set(documents: Iterable[tuple[str, str]], kind: DocumentKind) -> PolicySet:
    """Index documents, given as (label, text). Compiling is cached by content.

    A stored document that is defective denies, and the decision says so.
    """
    return build_set([(label, compile_stored(text, kind)) for label, text in documents])


def decide(
    facts: PrincipalFacts,
    *,
    action: str,
    resource: str,
    context: Mapping[str, Any],
    session: RoleSession | None = None,
) -> Decision:
    """Ask the engine about one principal, or about a session of it when it is a role.

    A principal that is not active is allowed nothing. `context` must already hold the server's
    own keys (`principal_context`).
    """
    who, layers = facts.principal, facts.layers
    if session is not None:
        who = Principal(arn=session.arn, account=facts.account, id=facts.id, role_arn=facts.arn)
        layers = replace(layers, sessions=session.policies) if facts.is_active else layers
    request = Request(
        principal=who,
        action=action,
        resource=resource,
        context=context,
        resource_account=using_account(resource, facts.account),
    )
    return evaluate(request, layers)


def using_account(resource: str, account: str) -> str | None:
    """The account that a shipped policy counts as part of: whichever uses it.

    `None` for every other resource, whose ARN names its account. Without this rule nobody could
    be allowed to attach a shipped policy: its account has no principals who could share it.
    """
    parts = resource.split(":", 5)
    is_shipped = (*parts[2:5],) == _SHIPPED and parts[-1].startswith("policy/")
    return account if is_shipped else None


__all__ = [
    "CompiledPolicy",
    "PrincipalFacts",
    "RoleSession",
    "decide",
    "policy_set",
    "using_account",
]
