"""The introspection endpoint, on the fast lane."""

import orjson
from starlette.routing import Route

from iam.features.introspection.rules import parse_introspection
from iam.features.introspection.service import Introspect, IntrospectionEndpoint, counted
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
    find: Introspect = endpoint.introspect
    if runtime.metrics is not None:
        find = counted(find, runtime.metrics.introspections)

    async def introspect(posted: PostedForm) -> bytes:
        request = parse_introspection(posted.body, posted.authorization)
        return orjson.dumps(await find(request))

    return [Route("/oauth2/introspect", FormEndpoint(introspect))]
