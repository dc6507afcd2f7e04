"""Wire shapes of credentials. No shape but the answer to a creation has room for a secret."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from iam.features.credentials.queries import HeldCredential
from iam.features.principals.schemas import Description, Input, Output
from iam.http.instants import Instant
from iam.work import UnitOfWork

Kind = Literal["client_secret", "public_key", "jwks_uri"]


class _CredentialIn(Input):
    description: Description = ""
    expires_at: Instant | None = Field(
        None, description="a client secret without one gets the default life, a key has none"
    )


class ClientSecretIn(_CredentialIn):
    """A client secret to make; it is shown in the answer, once."""

    kind: Literal["client_secret"]


class PublicKeyIn(_CredentialIn):
    """A public key to register for `private_key_jwt` (RFC 7523)."""

    kind: Literal["public_key"]
    public_jwk: Annotated[
        dict[str, Any],
        Field(max_length=20, description="a public JSON Web Key (RFC 7517) with `alg`"),
    ]


class JwksUriIn(_CredentialIn):
    """The address at which the service publishes its public keys."""

    kind: Literal["jwks_uri"]
    jwks_uri: Annotated[str, Field(max_length=2048, examples=["https://billing.example/jwks"])]


CredentialIn = Annotated[
    ClientSecretIn | PublicKeyIn | JwksUriIn, Field(discriminator="kind", title="CredentialIn")
]


class CredentialPatch(Input):
    """What to change of a credential; members that are left out stay as they are."""

    description: Description = ""
    expires_at: Instant | None = Field(None, description="only ever earlier")


class LastUseOut(Output):
    """When a credential last proved its holder. Written within seconds, not at once."""

    at: datetime
    address: str | None
    audience: str | None = Field(description="audience of the token that was issued")


class CredentialOut(Output):
    """A credential, without what is secret of it."""

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
