"""What a token says, for who only wants to read it."""

import json
from typing import Any

from iam_sdk.encoding import b64url_decode


def header_and_claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, nothing verified."""
    header, payload, _ = token.split(".")
    return json.loads(b64url_decode(header)), json.loads(b64url_decode(payload))


def jti_of(token: str) -> str:
    """The id of a token."""
    _, claims = header_and_claims(token)
    jti: str = claims["jti"]
    return jti


def client_of(token: str) -> str:
    """The id of the client that the token was issued to."""
    _, claims = header_and_claims(token)
    client_id: str = claims["client_id"]
    return client_id
