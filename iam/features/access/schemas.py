"""Wire shapes of access."""

from typing import Any, Self

from pydantic import ConfigDict, Field

from iam.authz.holders import GroupRef
from iam.features.access.rules import Access, Path, WrittenGrant
from iam.features.principals.schemas import Output
from iam.http import examples
from iam_policy import Clause

_GROUP = {"id": examples.FINANCE, "arn": examples.arn("group/finance"), "name": "finance"}
_CONDITION = {"operator": "IpAddress", "key": "iam:SourceIp", "values": ["192.0.2.0/24"]}
_PATH: dict[str, Any] = {
    "layer": "identity",
    "policy": examples.arn("policy/read-invoices"),
    "policy_id": examples.READ_INVOICES,
    "statement": 0,
    "sid": None,
    "effect": "Allow",
    "group": _GROUP,
    "conditions": [_CONDITION],
}


class GroupRefOut(Output):
    """A group through which somebody has a policy."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_GROUP))

    id: str
    arn: str
    name: str

    @classmethod
    def of(cls, group: GroupRef) -> Self:
        """Present a group."""
        return cls(id=group.id, arn=group.arn, name=group.name)


class ConditionOut(Output):
    """One line of a Condition."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_CONDITION))

    operator: str
    key: str
    values: list[str]

    @classmethod
    def of(cls, clause: Clause) -> Self:
        """Present a line of a Condition."""
        return cls(operator=clause.operator, key=clause.key, values=list(clause.values))


class PathOut(Output):
    """A statement, and how it came to somebody."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_PATH))

    layer: str = Field(description="scp, rcp, resource, identity or boundary")
    policy: str = Field(
        description="the policy's ARN, the ARN of the resource that it is the policy of, or "
        "`inline:` and its name"
    )
    policy_id: str | None = Field(description="of a managed policy")
    statement: int = Field(description="its place in the document, from 0")
    sid: str | None
    effect: str = Field(description="Allow or Deny")
    group: GroupRefOut | None = Field(description="whose policy it is, if not one's own")
    conditions: list[ConditionOut] = Field(
        description="what it depends on and is not known here, such as where a request comes from"
    )

    @classmethod
    def of(cls, path: Path) -> Self:
        """Present a path."""
        return cls.model_validate(path_members(path))


class PrincipalWithAccessOut(Output):
    """Somebody who may."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.ANA,
            arn=examples.arn("user/ana"),
            kind="user",
            name="ana",
            decision="conditional",
            paths=[_PATH],
            limits=[],
        )
    )

    id: str
    arn: str
    kind: str = Field(description="user, service or role")
    name: str
    decision: str = Field(
        description="`allowed` whatever the circumstances of a request are, or `conditional` on "
        "the conditions of paths and limits"
    )
    paths: list[PathOut] = Field(description="what grants it")
    limits: list[PathOut] = Field(
        description="what may take it away: Denies that may apply, and Allows of a boundary or "
        "guardrail that may not"
    )

    @classmethod
    def of(cls, access: Access) -> Self:
        """Present who may, and how."""
        facts = access.holder.facts
        return cls(
            id=facts.id,
            arn=facts.arn,
            kind=facts.kind,
            name=facts.name,
            decision=access.verdict.value,
            paths=[PathOut.of(path) for path in access.paths],
            limits=[PathOut.of(path) for path in access.limits],
        )


class GrantOut(PathOut):
    """A statement that somebody has, and what is left of it."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **_PATH,
            actions=["billing:Get*"],
            not_actions=[],
            resources=[examples.INVOICES],
            not_resources=[],
            reach="full",
            limits=[],
            missing=[],
        )
    )

    actions: list[str] = Field(description="patterns, as written")
    not_actions: list[str] = Field(description="patterns: everything but these")
    resources: list[str] = Field(description="patterns; of a trust policy, the role")
    not_resources: list[str] = Field(description="patterns: everything but these")
    reach: str = Field(
        description="what is left of it beside the rest: `full`, `limited` or `nothing`"
    )
    limits: list[PathOut] = Field(
        description="Denies that speak of the same, and Allows of a boundary or guardrail that "
        "let only a part pass"
    )
    missing: list[str] = Field(description="layers that let nothing of it pass")

    @classmethod
    def showing(cls, written: WrittenGrant) -> Self:
        """Present a statement and what is left of it."""
        grant = written.grant
        is_trust = not written.statement.keys() & {"Resource", "NotResource"}
        return cls.model_validate(
            {
                **path_members(grant.path),
                "actions": written.listed("Action"),
                "not_actions": written.listed("NotAction"),
                "resources": [grant.path.policy] if is_trust else written.listed("Resource"),
                "not_resources": written.listed("NotResource"),
                "reach": grant.reach.value,
                "limits": [PathOut.of(path) for path in grant.limits],
                "missing": [layer.value for layer in grant.missing],
            }
        )


def path_members(path: Path) -> dict[str, Any]:
    """What is told of a path."""
    statement = path.statement
    return {
        "layer": path.layer.value,
        "policy": path.policy,
        "policy_id": path.policy_id,
        "statement": statement.index,
        "sid": statement.sid,
        "effect": statement.effect,
        "group": None if path.group is None else GroupRefOut.of(path.group),
        "conditions": [ConditionOut.of(clause) for clause in path.conditions],
    }
