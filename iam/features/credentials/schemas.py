"""Wire shapes of credentials. No shape but the answer to a creation has room for a secret."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from iam.features.credentials.queries import HeldCredential
from iam.features.principals.schemas import Description, Input, Output
from iam.http import examples
from iam.http.instants import Instant
from iam.work import UnitOfWork

Kind = Literal["client_secret", "public_key", "jwks_uri"]


class _CredentialIn(Input):
    description: Description = ""
    expires_at: Instant | None = Field(
        None, description="a client secret without one gets the default life, a key has none"
    )


_SECRET = {"kind": "client_secret", "description": "in the vault", "expires_at": examples.ENDS}
_KEY = {
    "kind": "public_key",
    "description": "made in the pod",
    "public_jwk": examples.PUBLIC_JWK,
}
_ADDRESS = {"kind": "jwks_uri", "jwks_uri": "https://billing.shop.example/jwks"}


class ClientSecretIn(_CredentialIn):
    """A client secret to make; it is shown in the answer, once."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_SECRET))

    kind: Literal["client_secret"]


class PublicKeyIn(_CredentialIn):
    """A public key to register for `private_key_jwt` (RFC 7523)."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_KEY))

    kind: Literal["public_key"]
    public_jwk: Annotated[
        dict[str, Any],
        Field(max_length=20, description="a public JSON Web Key (RFC 7517) with `alg`"),
    ]


class JwksUriIn(_CredentialIn):
    """The address at which the service publishes its public keys."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_ADDRESS))

    kind: Literal["jwks_uri"]
    jwks_uri: Annotated[str, Field(max_length=2048, examples=["https://billing.shop.example/jwks"])]


CredentialIn = Annotated[
    ClientSecretIn | PublicKeyIn | JwksUriIn,
    Field(discriminator="kind", title="CredentialIn", examples=[_SECRET, _KEY, _ADDRESS]),
]


class CredentialPatch(Input):
    """What to change of a credential; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(expires_at=examples.ENDS))

    description: Description = ""
    expires_at: Instant | None = Field(None, description="only ever earlier")


class LastUseOut(Output):
    """When a credential last proved its holder. Written within seconds, not at once."""

    at: datetime
    address: str | None
    audience: str | None = Field(description="audience of the token that was issued")


_SHOWN = {
    "id": examples.CREDENTIAL,
    "arn": examples.arn(f"credential/{examples.CREDENTIAL}"),
    "holder": examples.arn("service/billing"),
    "principal_id": examples.BILLING,
    "kind": "client_secret",
    "status": "active",
    "description": "in the vault",
    "hint": "iam_cs_7Qk2",
    "public_jwk": None,
    "jwks_uri": None,
    "created_by": examples.ANA,
    "created_at": examples.CREATED,
    "expires_at": examples.ENDS,
    "revoked_at": None,
    "last_use": None,
    "version": 1,
}
_LAST_USE = {
    "at": examples.CHANGED,
    "address": "192.0.2.17",
    "audience": "https://payments.shop.example",
}


class CredentialOut(Output):
    """A credential, without what is secret of it."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**{**_SHOWN, "last_use": _LAST_USE})
    )

    id: str = Field(description="immutable id")
    arn: str
    holder: str = Field(description="ARN of whom it proves")
    principal_id: str = Field(description="immutable id of the same; the `client_id` in OAuth")
    kind: Kind
    status: str = Field(description="active, quarantined, expired or revoked")
    description: str
    hint: str | None = Field(description="how a client secret begins")
    public_jwk: dict[str, Any] | None
    jwks_uri: str | None
    created_by: str = Field(description="id of its maker")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_use: LastUseOut | None
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, held: HeldCredential) -> Self:
        """Present a credential."""
        return cls.model_validate(_members(uow, held))


class CreatedCredentialOut(CredentialOut):
    """A new credential. `client_secret` is shown here and never again."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **_SHOWN,
            client_id=examples.BILLING,
            client_secret="iam_cs_7Qk2... (the rest of it)",  # noqa: S106 -- and there is none
        )
    )

    client_id: str
    client_secret: str | None = Field(repr=False)

    @classmethod
    def showing(cls, uow: UnitOfWork, held: HeldCredential, *, secret: str | None) -> Self:
        """Present a new credential with its secret, if it is one."""
        shown = {"client_id": held.holder.id, "client_secret": secret}
        return cls.model_validate(_members(uow, held) | shown)


_COLUMNS = (
    "id", "principal_id", "kind", "description", "hint", "public_jwk", "jwks_uri", "created_by",
    "created_at", "expires_at", "revoked_at", "version",
)  # fmt: skip


def _members(uow: UnitOfWork, held: HeldCredential) -> dict[str, object]:
    use = held.last_use
    last_use = use and {
        "at": use.last_used_at,
        "address": use.last_address,
        "audience": use.last_audience,
    }
    return {
        **{name: getattr(held.credential, name) for name in _COLUMNS},
        "arn": uow.arn(held.credential),
        "holder": uow.arn(held.holder),
        "status": held.status_at(uow.now).value,
        "last_use": last_use,
    }
