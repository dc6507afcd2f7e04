"""Wire shapes of roles."""

from typing import Annotated, Any, Self

from pydantic import Field

from iam.features.policies.schemas import PolicyReference
from iam.features.principals.schemas import Description, Input, Name, Path, PrincipalOut, Tags
from iam.features.roles.queries import RoleView
from iam.features.roles.rules import MAX_SESSION_SECONDS, MIN_SESSION_SECONDS
from iam.work import UnitOfWork

TrustPolicy = Annotated[
    dict[str, Any],
    Field(
        description="who may assume the role; principals are shown by ARN and kept by id",
        examples=[
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"IAM": "arn:iam:iam::main:service/orders"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ],
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

    name: Name
    trust_policy: TrustPolicy
    path: Path = "/"
    max_session_seconds: MaxSessionSeconds = _HOUR
    description: Description = ""
    tags: Tags = Field(default_factory=dict)
    permissions_boundary: PolicyReference | None = None


class RolePatch(Input):
    """What to change of a role; members that are left out stay as they are."""

    max_session_seconds: MaxSessionSeconds = _HOUR
    description: Description = ""


class TrustPolicyIn(Input):
    """A trust policy to put in place of the present one."""

    trust_policy: TrustPolicy


class RoleOut(PrincipalOut):
    """A role."""

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
