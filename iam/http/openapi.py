"""The OpenAPI document, for whoever is authenticated (AA-21): it is a map of the house."""

import orjson
from fastapi import FastAPI, Response

from iam.http.work import Work


def serve_openapi(api: FastAPI) -> None:
    """Add `GET /openapi.json` to the API; the document is rendered once."""
    rendered: list[bytes] = []

    async def openapi(work: Work) -> Response:
        del work  # its caller is authenticated, and that is all that is asked
        if not rendered:
            rendered.append(orjson.dumps(api.openapi()))
        return Response(rendered[0], media_type="application/json")

    api.add_api_route("/openapi.json", openapi, include_in_schema=False)
