"""Wire shapes of signing keys: only ever their public half."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from iam.features.principals.schemas import Output
from iam.features.signing_keys.service import timing_of
from iam.models import SigningKey
from iam.work import UnitOfWork


class SigningKeyOut(Output):
    """A signing key."""

    kid: str = Field(description="key id: the RFC 7638 thumbprint")
    arn: str
    purpose: str
    algorithm: str
    state: str = Field(description="prepared, active, retiring or gone")
    public_jwk: dict[str, Any]
    created_at: datetime
    published_at: datetime
    activates_at: datetime | None = Field(description="when a prepared key begins to sign")
    activated_at: datetime | None
    retired_at: datetime | None
    leaves_at: datetime | None = Field(description="when a retiring key leaves the published set")
    gone_at: datetime | None
    tainted_at: datetime | None

    @classmethod
    def of(cls, uow: UnitOfWork, row: SigningKey) -> Self:
        """Present a row."""
        timing = timing_of(uow)
        derived = {
            "arn": uow.arn(row),
            "activates_at": timing.activates_at(row),
            "leaves_at": timing.leaves_at(row),
        }
        columns = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(columns | derived)
