"""Wire shapes that users, services and roles share, and the two that all shapes are made of.

Those are built with the first route that needs them (`iam.http.router`), and no start waits for it.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from iam.features.principals.rules import MAX_NAME, MAX_PATH, MAX_TAGS
from iam.http import examples
from iam.models import Principal
from iam.work import UnitOfWork

Tags = Annotated[
    dict[str, str],
    Field(max_length=MAX_TAGS, description="tags by key", examples=[examples.TAGS]),
]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, examples=["ana"])]
Path = Annotated[
    str, Field(max_length=MAX_PATH, description="folder, part of the ARN", examples=["/"])
]
# PostgreSQL stores no NUL, and other control characters only garble what people read.
PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Description = Annotated[
    str, Field(max_length=1000, pattern=PRINTABLE, examples=["sends the invoices"])
]


class Input(BaseModel):
    """What comes in: exactly the declared members, of exactly the declared types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class Output(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class TagsIn(Input):
    """Tags to add."""

    model_config = ConfigDict(json_schema_extra=examples.example(tags=examples.TAGS))

    tags: Tags


def principal_example(kind: str, name: str, **members: Any) -> dict[str, Any]:
    """An example of a principal: what all have in common, and these members of its own."""
    common = {
        "arn": examples.arn(f"{kind}/{name}"),
        "name": name,
        "path": "/",
        "status": "active",
        "tags": examples.TAGS,
        "permissions_boundary": None,
        "created_at": examples.CREATED,
        "updated_at": examples.CHANGED,
        "version": 3,
    }
    return examples.example(**{**common, **members})


class PrincipalOut(Output):
    """What every principal shows of itself."""

    id: str = Field(description="immutable id")
    arn: str
    name: str
    path: str
    status: str = Field(description="active or disabled")
    description: str
    tags: Tags
    permissions_boundary: str | None = Field(description="id of the policy that limits it")
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def common(cls, uow: UnitOfWork, row: Principal) -> dict[str, object]:
        """The shared members of a row."""
        return {
            "id": row.id,
            "arn": uow.arn(row),
            "name": row.name,
            "path": row.path,
            "status": row.status,
            "description": row.description,
            "tags": row.tags,
            "permissions_boundary": row.boundary_policy_id,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "version": row.version,
        }
