"""Wire shapes of signing keys: only ever their public half."""

from datetime import datetime
from typing import Any, Final, Self

from pydantic import ConfigDict, Field

from iam.features.principals.schemas import Output
from iam.features.signing_keys.service import timing_of
from iam.http import examples
from iam.http.openapi_oauth import PUBLIC, answer
from iam.models import SigningKey
from iam.work import UnitOfWork


class SigningKeyOut(Output):
    """A signing key."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            kid=examples.KID,
            arn=examples.arn(f"signing-key/{examples.KID}"),
            purpose="access_token",
            algorithm="ES256",
            state="active",
            public_jwk=examples.PUBLIC_JWK,
            created_at=examples.CREATED,
            published_at=examples.CREATED,
            activates_at=None,
            activated_at="2026-03-02T08:45:00Z",
            retired_at=None,
            leaves_at=None,
            gone_at=None,
            tainted_at=None,
        )
    )

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


_KEY_SET: Final = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
}
OPENAPI: Final[dict[str, Any]] = {
    "/oauth2/jwks": {
        "get": {
            "operationId": "GetJwks",
            "tags": ["oauth"],
            "summary": "The public keys that verify our tokens",
            "description": "RFC 7517 section 5. Fetch it again as `Cache-Control` says.",
            "security": PUBLIC,
            "responses": answer(
                "Every key that signs, will sign, or has signed what is still valid",
                _KEY_SET,
                {"keys": [examples.PUBLIC_JWK]},
                media_type="application/jwk-set+json",
            ),
        }
    }
}
