"""The token endpoint, on the fast lane."""

import orjson
from starlette.routing import Route

from iam.features.oauth.rules import parse_request
from iam.features.oauth.service import (
    ClientAuthenticator,
    Connection,
    Issue,
    TokenEndpoint,
    counted,
)
from iam.features.oauth.snapshots import AudienceSnapshots
from iam.features.signing_keys.snapshots import Signers
from iam.features.tokens.service import TokenIssuer
from iam.http.oauth import FormEndpoint, PostedForm
from iam.runtime import Runtime


def routes(
    runtime: Runtime,
    *,
    clients: ClientAuthenticator,
    audiences: AudienceSnapshots,
    signers: Signers,
) -> list[Route]:
    """`POST /oauth2/token` (RFC 6749 section 3.2)."""
    issuer = TokenIssuer(
        ledger=runtime.ledger,
        signers=signers,
        issuer=runtime.settings.issuer,
        is_traced=runtime.tracer is not None,
    )
    endpoint = TokenEndpoint(
        runtime.tools,
        clients=clients,
        audiences=audiences,
        surroundings=runtime.surroundings,
        issuer=issuer,
        uses=runtime.uses,
    )
    issue: Issue = endpoint.issue
    if runtime.metrics is not None:
        issue = counted(issue, runtime.metrics.tokens)

    async def token(posted: PostedForm) -> bytes:
        request = parse_request(posted.body, posted.authorization)
        connection = Connection(posted.address, posted.is_secure, posted.request_id)
        answer = await issue(request, connection)
        return orjson.dumps(answer.members())

    return [Route("/oauth2/token", FormEndpoint(token))]
