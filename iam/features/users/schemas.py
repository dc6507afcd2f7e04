"""Wire shapes of users."""

from typing import Annotated, Self

from pydantic import Field

from iam.features.policies.schemas import PolicyReference
from iam.features.principals.schemas import (
    PRINTABLE,
    Description,
    Input,
    Name,
    Path,
    PrincipalOut,
    Tags,
)
from iam.models import User
from iam.work import UnitOfWork

DisplayName = Annotated[str, Field(max_length=256, pattern=PRINTABLE, examples=["Alice Ng"])]
# Not pydantic's EmailStr: it refuses `.local` and other names that live inside a company.
Email = Annotated[
    str,
    Field(max_length=320, pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}$"),
    Field(examples=["alice@example.com"]),
]


class UserIn(Input):
    """A user to create."""

    name: Name
    path: Path = "/"
    display_name: DisplayName | None = None
    email: Email | None = None
    description: Description = ""
    tags: Tags = Field(default_factory=dict)
    permissions_boundary: PolicyReference | None = None


class UserPatch(Input):
    """What to change of a user; members that are left out stay as they are."""

    display_name: DisplayName | None = None
    email: Email | None = None
    description: Description = ""


class UserOut(PrincipalOut):
    """A user."""

    display_name: str | None
    email: str | None

    @classmethod
    def of(cls, uow: UnitOfWork, row: User) -> Self:
        """Present a row."""
        return cls.model_validate(
            {**cls.common(uow, row), "display_name": row.display_name, "email": row.email}
        )
