"""Wire shapes of accounts."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from iam.features.accounts.rules import MAX_ACCOUNT_NAME
from iam.features.principals.schemas import Description, Input, Output
from iam.http import examples
from iam.models import Account
from iam.work import UnitOfWork

AccountName = Annotated[
    str, Field(min_length=1, max_length=MAX_ACCOUNT_NAME, examples=["rehearsal"])
]


class AccountIn(Input):
    """An account to create."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(name="rehearsal", description="as main, with toy data")
    )

    name: AccountName
    description: Description = ""


class AccountPatch(Input):
    """What to change of an account."""

    model_config = ConfigDict(json_schema_extra=examples.example(description="for the new year"))

    description: Description


class AccountOut(Output):
    """An account. Its name is its id."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="rehearsal",
            arn="arn:iam:organizations::main:account/rehearsal",
            status="active",
            description="as main, with toy data",
            created_at=examples.CREATED,
            updated_at=examples.CREATED,
            version=1,
        )
    )

    name: str
    arn: str
    status: str = Field(description="active or suspended")
    description: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, row: Account) -> Self:
        """Present a row."""
        return cls(
            name=row.name,
            arn=uow.arn(row),
            status=row.status,
            description=row.description,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )
