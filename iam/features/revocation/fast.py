"""The revocation endpoint."""

from starlette.routing import Route

from iam.features.oauth.rules import parse_request
from iam.features.oauth.service import ClientAuthenticator, Connection
from iam.features.revocation.service import RevocationEndpoint
from iam.features.tokens.snapshots import TokenSnapshots
from iam.http.oauth import FormEndpoint, PostedForm
from iam.runtime import Runtime


def routes(
    runtime: Runtime, *, clients: ClientAuthenticator, tokens: TokenSnapshots
) -> list[Route]:
    """`POST /oauth2/revoke` (RFC 7009 section 2)."""
    endpoint = RevocationEndpoint(runtime.tools, clients=clients, tokens=tokens)

    async def revoke(posted: PostedForm) -> bytes:
        request = parse_request(posted.body, posted.authorization)
        connection = Connection(posted.address, posted.is_secure, posted.request_id)
        await endpoint.revoke(request, connection)
        return b"{}"

    return [Route("/oauth2/revoke", FormEndpoint(revoke))]
