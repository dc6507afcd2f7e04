"""Wire shapes of accounts."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from iam.features.accounts.rules import MAX_ACCOUNT_NAME
from iam.features.principals.schemas import Description, Input, Output
from iam.models import Account
from iam.work import UnitOfWork

AccountName = Annotated[str, Field(min_length=1, max_length=MAX_ACCOUNT_NAME, examples=["acme"])]


class AccountIn(Input):
    """An account to create."""

    name: AccountName
    description: Description = ""


class AccountPatch(Input):
    """What to change of an account."""

    description: Description


class AccountOut(Output):
    """An account. Its name is its id."""

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
