"""The metadata document: the same bytes for everybody."""

from hashlib import sha256
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from iam.features.discovery.rules import (
    WELL_KNOWN,
    authorization_server_metadata,
    metadata_path,
)
from iam.runtime import Runtime

MAX_AGE_SECONDS: Final = 300
_NOT_MODIFIED: Final = 304


def routes(runtime: Runtime) -> list[Route]:
    """`GET /.well-known/oauth-authorization-server` (RFC 8414 section 3)."""
    settings = runtime.settings
    body = orjson.dumps(
        authorization_server_metadata(issuer=settings.issuer, url=settings.public_url)
    )
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}",
        "ETag": etag,
        # Public, and read without credentials: any page may.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }

    async def metadata(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    # The path of an issuer is inserted (section 3.1). Who knows nothing but our address asks there.
    paths = {metadata_path(settings.issuer), WELL_KNOWN}
    return [Route(path, metadata, methods=["GET"]) for path in sorted(paths)]
