"""A client gets a token for itself (RFC 6749 section 4.4)."""

from iam.features.oauth.grants.base import Asked, Granted


class ClientCredentials:
    """Grants a proven service a token that speaks for it.

    No scopes: what a service may do is said by its policies. There is never a refresh token
    (section 4.4.3), nor an id token: nobody has signed in.
    """

    name = "client_credentials"

    async def grant(self, asked: Asked) -> Granted:
        """Grant the client a token for itself."""
        return Granted(asked.client, frozenset(), asked.service_ttl)
