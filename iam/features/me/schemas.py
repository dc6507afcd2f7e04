"""Wire shape of the caller."""

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field

from iam.features.me.service import Identity
from iam.features.principals.schemas import Output
from iam.http import examples


class TokenOut(Output):
    """The access token that the caller presented, without the token itself."""

    jti: str = Field(description="id of the token")
    client_id: str = Field(description="the client that it was issued to")
    audience: str
    scope: str
    issued_at: datetime
    expires_at: datetime


class MeOut(Output):
    """Who calls."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            sub=examples.ORDERS,
            arn=examples.arn("service/orders"),
            account=examples.ACCOUNT,
            kind="service",
            name="orders",
            groups=[],
            token={
                "jti": examples.TOKEN,
                "client_id": examples.ORDERS,
                "audience": examples.ISSUER,
                "scope": "",
                "issued_at": "2026-05-11T14:00:00Z",
                "expires_at": "2026-05-11T15:00:00Z",
            },
        )
    )

    sub: str = Field(description="immutable id")
    arn: str
    account: str
    kind: str = Field(description="user, service or role")
    name: str
    groups: list[str] = Field(description="ARNs of the groups that the caller is in")
    token: TokenOut

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """Present the caller."""
        token = identity.token
        return cls(
            sub=identity.id,
            arn=identity.arn,
            account=identity.account,
            kind=identity.kind,
            name=identity.name,
            groups=list(identity.groups),
            token=TokenOut(
                jti=token.jti,
                client_id=token.client_id,
                audience=token.audience,
                scope=token.scope,
                issued_at=token.issued_at,
                expires_at=token.expires_at,
            ),
        )
