"""Wire shapes of roles."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from iam.features.catalogues.schemas import FINDING_EXAMPLE, FindingOut, Findings
from iam.features.policies.schemas import PolicyReference
from iam.features.principals.schemas import (
    Description,
    Input,
    Name,
    Path,
    PrincipalOut,
    Tags,
    principal_example,
)
from iam.features.roles.queries import RoleView
from iam.features.roles.rules import MAX_SESSION_SECONDS, MIN_SESSION_SECONDS
from iam.http import examples
from iam.work import UnitOfWork
from iam_policy.lint import Finding

TrustPolicy = Annotated[
    dict[str, Any],
    Field(
        description="who may assume the role; principals are shown by ARN and kept by id",
        examples=[examples.TRUST_POLICY],
    ),
]
MaxSessionSeconds = Annotated[
    int,
    Field(
        ge=MIN_SESSION_SECONDS,
        le=MAX_SESSION_SECONDS,
        description="the longest that a session of the role may last",
    ),
]
_HOUR = 3600


class RoleIn(Input):
    """A role to create."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="deploy",
            trust_policy=examples.TRUST_POLICY,
            max_session_seconds=3600,
            description="puts a new version in place",
        )
    )

    name: Name
    trust_policy: TrustPolicy
    path: Path = "/"
    max_session_seconds: MaxSessionSeconds = _HOUR
    description: Description = ""
    tags: Tags = Field(default_factory=dict)
    permissions_boundary: PolicyReference | None = None


class RolePatch(Input):
    """What to change of a role; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(max_session_seconds=7200))

    max_session_seconds: MaxSessionSeconds = _HOUR
    description: Description = ""


class TrustPolicyIn(Input):
    """A trust policy to put in place of the present one."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(trust_policy=examples.TRUST_POLICY)
    )

    trust_policy: TrustPolicy


class RoleOut(PrincipalOut):
    """A role."""

    model_config = ConfigDict(
        json_schema_extra=principal_example(
            "role",
            "deploy",
            id=examples.DEPLOY,
            description="puts a new version in place",
            trust_policy=examples.TRUST_POLICY,
            max_session_seconds=3600,
        )
    )

    trust_policy: TrustPolicy
    max_session_seconds: int

    @classmethod
    def of(cls, uow: UnitOfWork, view: RoleView) -> Self:
        """Present a role."""
        return cls.model_validate(
            {
                **cls.common(uow, view.row),
                "trust_policy": view.trust_policy,
                "max_session_seconds": view.row.max_session_seconds,
            }
        )


class ExaminedRoleOut(RoleOut):
    """A role whose trust policy was written, and what lint says about that."""

    model_config = ConfigDict(
        json_schema_extra=principal_example(
            "role",
            "deploy",
            id=examples.DEPLOY,
            description="puts a new version in place",
            trust_policy=examples.TRUST_POLICY,
            max_session_seconds=3600,
            findings=[FINDING_EXAMPLE],
        )
    )

    findings: Findings

    @classmethod
    def examined(cls, uow: UnitOfWork, view: RoleView, findings: Iterable[Finding]) -> Self:
        """Present a role and the findings."""
        shown = [FindingOut.of(finding) for finding in findings]
        return cls(**RoleOut.of(uow, view).model_dump(), findings=shown)
