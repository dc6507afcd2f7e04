"""The metadata document. Pure."""

from typing import Any, Final
from urllib.parse import urlsplit

from iam.features.oauth.grants import GRANTS
from iam.features.oauth.rules import ClientAuthMethod
from iam_sdk.jwk import ALGORITHMS

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"
_CLIENT_AUTH: Final = [
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.PRIVATE_KEY_JWT,
]


def metadata_path(issuer: str) -> str:
    """Where the document of this issuer stands: its path is *inserted* (RFC 8414 section 3.1)."""
    return WELL_KNOWN + urlsplit(issuer).path


def authorization_server_metadata(*, issuer: str, url: str) -> dict[str, Any]:
    """The document (RFC 8414 section 2). `url` is where a client reaches this service."""
    algorithms = sorted(ALGORITHMS)
    metadata: dict[str, Any] = {
        "issuer": issuer,
        "token_endpoint": f"{url}/oauth2/token",
        "jwks_uri": f"{url}/oauth2/jwks",
        "introspection_endpoint": f"{url}/oauth2/introspect",
        "revocation_endpoint": f"{url}/oauth2/revoke",
        "grant_types_supported": sorted(GRANTS),
        # Required, and empty: there is no authorization endpoint.
        "response_types_supported": [],
    }
    for endpoint in ("token", "introspection", "revocation"):
        methods = [*_CLIENT_AUTH, "Bearer"] if endpoint == "introspection" else _CLIENT_AUTH
        metadata[f"{endpoint}_endpoint_auth_methods_supported"] = methods
        metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = algorithms
    return metadata
