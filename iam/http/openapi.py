"""The OpenAPI document, for whoever is authenticated (AA-21): it is a map of the house."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Response

from iam.http.work import Work


def serve_openapi(api: FastAPI, fast_paths: Mapping[str, Any]) -> None:
    """Add `GET /openapi.json` to the API; the document is rendered once.

    `fast_paths` describes what the framework does not know of: the routes of the fast lane.
    """
    rendered: list[bytes] = []

    async def openapi(work: Work) -> Response:
        del work  # its caller is authenticated, and that is all that is asked
        if not rendered:
            document = api.openapi()
            document["paths"].update(fast_paths)
            rendered.append(orjson.dumps(document))
        return Response(rendered[0], media_type="application/json")

    api.add_api_route("/openapi.json", openapi, include_in_schema=False)
