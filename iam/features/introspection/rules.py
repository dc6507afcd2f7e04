"""Who may know of a token, and what it is told (RFC 7662). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iam.errors import invalid
from iam.features.oauth.rules import ClientProof, parse_form, parse_proof
from iam_sdk.tokens import AccessToken

INACTIVE: Final[Mapping[str, Any]] = {"active": False}
_TOLD: Final = (
    "sub", "client_id", "aud", "iss", "exp", "iat", "nbf", "jti", "arn", "account", "epoch",
    "scope", "sid", "act", "auth_time", "acr", "amr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IntrospectionRequest:
    """A token to look at, and who asks: a client with its proof, or whoever a bearer token proves.

    Attributes:
        token: The token in question; empty if none was sent.
        proof: The client's proof; `None` for a bearer.
        bearer: The asker's own access token; `None` for a client.
    """

    token: str = field(repr=False)
    proof: ClientProof | None
    bearer: str | None = field(repr=False)


def parse_introspection(body: bytes, authorization: tuple[str, ...]) -> IntrospectionRequest:
    """Parse the form and the `Authorization` headers. Raises `IamError` with a code of OAuth."""
    parameters, _ = parse_form(body)
    token = parameters.get("token")
    if token is None:
        raise invalid("invalid_request", "expected a `token`")
    scheme, _, credentials = authorization[0].partition(" ") if authorization else ("", "", "")
    if scheme.lower() != "bearer":
        return IntrospectionRequest(token, parse_proof(parameters, authorization), None)
    if len(authorization) > 1 or not {"client_secret", "client_assertion"}.isdisjoint(parameters):
        raise invalid("invalid_request", "the caller proves itself in more than one way")
    return IntrospectionRequest(token, None, credentials)


def is_party(token: AccessToken, caller_id: str) -> bool:
    """Whether the token speaks for this caller, or was issued to it."""
    return caller_id in {token.subject, token.client_id}


def introspection_answer(token: AccessToken) -> dict[str, Any]:
    """What is said about an active token: that it is, and its own claims (section 2.2)."""
    claims = token.claims
    answer: dict[str, Any] = {"active": True, "token_type": "Bearer"}
    answer.update({name: claims[name] for name in _TOLD if name in claims})
    return answer
