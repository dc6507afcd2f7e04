"""Wire shapes of users."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field

from iam.features.policies.schemas import PolicyReference
from iam.features.principals.schemas import (
    PRINTABLE,
    Description,
    Input,
    Name,
    Path,
    PrincipalOut,
    Tags,
    principal_example,
)
from iam.http import examples
from iam.models import User
from iam.work import UnitOfWork

DisplayName = Annotated[str, Field(max_length=256, pattern=PRINTABLE, examples=["Ana Costa"])]
# Not pydantic's EmailStr: it refuses `.local` and other names that live inside a company.
Email = Annotated[
    str,
    Field(max_length=320, pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}$"),
    Field(examples=["ana@shop.example"]),
]


class UserIn(Input):
    """A user to create."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="ana",
            display_name="Ana Costa",
            email="ana@shop.example",
            tags=examples.TAGS,
            permissions_boundary="developers-at-most",
        )
    )

    name: Name
    path: Path = "/"
    display_name: DisplayName | None = None
    email: Email | None = None
    description: Description = ""
    tags: Tags = Field(default_factory=dict)
    permissions_boundary: PolicyReference | None = None


class UserPatch(Input):
    """What to change of a user; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(display_name="Ana Costa Silva"))

    display_name: DisplayName | None = None
    email: Email | None = None
    description: Description = ""


class UserOut(PrincipalOut):
    """A user."""

    model_config = ConfigDict(
        json_schema_extra=principal_example(
            "user",
            "ana",
            id=examples.ANA,
            display_name="Ana Costa",
            email="ana@shop.example",
            description="works on orders and billing",
            permissions_boundary=examples.DEVELOPERS_AT_MOST,
        )
    )

    display_name: str | None
    email: str | None

    @classmethod
    def of(cls, uow: UnitOfWork, row: User) -> Self:
        """Present a row."""
        return cls.model_validate(
            {**cls.common(uow, row), "display_name": row.display_name, "email": row.email}
        )
