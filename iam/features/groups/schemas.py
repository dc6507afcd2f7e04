"""Wire shapes of groups."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from iam.features.groups.queries import Member
from iam.features.principals.rules import MAX_GROUP_OR_POLICY_NAME
from iam.features.principals.schemas import Description, Input, Output, Path
from iam.http import examples
from iam.models import Group
from iam.work import UnitOfWork

GroupName = Annotated[
    str, Field(min_length=1, max_length=MAX_GROUP_OR_POLICY_NAME, examples=["finance"])
]


class GroupIn(Input):
    """A group to create."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(name="finance", description="Billing and payments")
    )

    name: GroupName
    path: Path = "/"
    description: Description = ""


class GroupPatch(Input):
    """What to change of a group; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(description="Looks after money"))

    description: Description = ""


class GroupOut(Output):
    """A group."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.FINANCE,
            arn=examples.arn("group/finance"),
            name="finance",
            path="/",
            description="Billing and payments",
            created_at=examples.CREATED,
            updated_at=examples.CREATED,
            version=1,
        )
    )

    id: str = Field(description="immutable id")
    arn: str
    name: str
    path: str
    description: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, row: Group) -> Self:
        """Present a row."""
        return cls(
            id=row.id,
            arn=uow.arn(row),
            name=row.name,
            path=row.path,
            description=row.description,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class MemberOut(Output):
    """A member of a group."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.ANA,
            arn=examples.arn("user/ana"),
            kind="user",
            name="ana",
            status="active",
        )
    )

    id: str = Field(description="immutable id")
    arn: str
    kind: str = Field(description="user or service")
    name: str
    status: str = Field(description="active or disabled")

    @classmethod
    def of(cls, member: Member) -> Self:
        """Present a member."""
        return cls(
            id=member.id,
            arn=member.arn,
            kind=member.kind,
            name=member.name,
            status=member.status,
        )
