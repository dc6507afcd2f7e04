"""The key set, for everybody who verifies our tokens: bytes from memory."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from iam.features.signing_keys.snapshots import JwksSnapshots
from iam.runtime import Runtime

PATH: Final = "/oauth2/jwks"
MEDIA_TYPE: Final = "application/jwk-set+json"
STALE_SECONDS: Final = 86_400
"""How long a verifier may go on with the set while we do not answer (RFC 5861 section 4)."""
_NOT_MODIFIED: Final = 304


def routes(runtime: Runtime) -> list[Route]:
    """`GET /oauth2/jwks`."""
    published = JwksSnapshots(runtime.tools)
    max_age = int(runtime.settings.keys.max_age.total_seconds())
    fixed = {
        "Cache-Control": f"public, max-age={max_age}, stale-if-error={STALE_SECONDS}",
        # Public, and read without credentials: any page may.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }

    async def jwks(request: Request) -> Response:
        found = await published.get()
        headers = {**fixed, "ETag": found.etag}
        if _has_it(request.headers.get("if-none-match", ""), found.etag):
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        return Response(found.body, headers=headers, media_type=MEDIA_TYPE)

    return [Route(PATH, jwks, methods=["GET"])]


def _has_it(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
