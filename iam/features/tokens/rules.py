"""What an access token says (RFC 9068 section 2.2, and our own claims). Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from iam.authz.facts import PrincipalFacts
from iam_policy import JsonError, parse_json
from iam_sdk.errors import TokenInvalid
from iam_sdk.jws import unverified_payload
from iam_sdk.reasons import Reason

ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 -- a media type


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is to be issued: to whom, for whom, for how long.

    Attributes:
        jti: Id of the token.
        principal: Whom it speaks for.
        client_id: The client that asked for it; for a service, its own id.
        credential_id: The credential that proved the client.
        audience: The one audience of the token.
        scope: Space-separated scopes, or nothing.
        issued_at: Now.
        expires_at: When it ends.
    """

    jti: str
    principal: PrincipalFacts
    client_id: str
    credential_id: str | None
    audience: str
    scope: str
    issued_at: datetime
    expires_at: datetime


class OneTimeUse(NamedTuple):
    """An id that an issuance uses up, and until when it must be refused again."""

    kind: str
    id: str
    until: datetime


def access_token_claims(grant: Grant, *, issuer: str) -> dict[str, Any]:
    """The claims of an access token. Permissions and groups never ride in it."""
    issued_at = int(grant.issued_at.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": grant.principal.id,
        "aud": grant.audience,
        "client_id": grant.client_id,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(grant.expires_at.timestamp()),
        "jti": grant.jti,
        "arn": grant.principal.arn,
        "account": grant.principal.account,
        "epoch": grant.principal.epoch,
    }
    if grant.scope:
        claims["scope"] = grant.scope
    return claims


def claimed_audience(token: str) -> str:
    """The one audience that a token names, before anything is verified. Raises `TokenInvalid`.

    Our tokens have exactly one, spelled as a string (domain: audiences).
    """
    try:
        claims = parse_json(unverified_payload(token))
    except JsonError:
        raise TokenInvalid(Reason.CLAIMS_MALFORMED) from None
    audience = claims.get("aud") if isinstance(claims, dict) else None
    if not isinstance(audience, str):
        raise TokenInvalid(Reason.AUDIENCE_WRONG)
    return audience
