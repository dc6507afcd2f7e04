"""The introspection endpoint, on the fast lane."""

import orjson
from starlette.routing import Route

from iam.features.introspection.rules import parse_introspection
from iam.features.introspection.service import IntrospectionEndpoint
from iam.features.oauth.service import ClientAuthenticator
from iam.features.oauth.snapshots import AudienceSnapshots
from iam.features.tokens.snapshots import TokenSnapshots
from iam.http.oauth import FormEndpoint, PostedForm
from iam.runtime import Runtime


def routes(
    runtime: Runtime,
    *,
    clients: ClientAuthenticator,
    audiences: AudienceSnapshots,
    tokens: TokenSnapshots,
) -> list[Route]:
    """`POST /oauth2/introspect` (RFC 7662 section 2)."""
    endpoint = IntrospectionEndpoint(
        runtime.tools,
        clients=clients,
        principals=runtime.principals,
        audiences=audiences,
        tokens=tokens,
    )

    async def introspect(posted: PostedForm) -> bytes:
        request = parse_introspection(posted.body, posted.authorization)
        return orjson.dumps(await endpoint.introspect(request))

    return [Route("/oauth2/introspect", FormEndpoint(introspect))]
