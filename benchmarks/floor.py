"""The floor: bare Starlette routes that do what no issuer can do without, and nothing else.

    python -m benchmarks.floor PORT

They take the same input as the real ones, parse it, hash and sign alike, and know no database, no
policies, no refusals; the one for introspection takes bare JSON of the same size. Served by the
same uvicorn with the same settings, on uvicorn's own protocol.
"""

import asyncio
import sys
import time
from base64 import b64decode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from iam.features.signing_keys.rules import Signer, new_key_pair
from iam.server import server_config

_PAIR = new_key_pair()
_SIGNER = Signer(kid=_PAIR.kid, private_der=_PAIR.private_der)
_KEY_SET = orjson.dumps({"keys": [_PAIR.public_jwk]})
_CLAIMS: dict[str, Any] = {
    "iss": "http://127.0.0.1:8080",
    "sub": "svc_01jz2k6q8eff2t2v4x6z8b0d2f",
    "aud": "http://127.0.0.1:8080",
    "client_id": "svc_01jz2k6q8eff2t2v4x6z8b0d2f",
    "jti": "tok_01jz2k6q8eff2t2v4x6z8b0d2f",
    "arn": "arn:iam:iam::main:service/client-0001",
    "account": "main",
    "epoch": 1,
}
_ANSWER = {
    "decision_id": "dec_01jz2k6q8eff2t2v4x6z8b0d2f",
    "decision": "allowed",
    "allowed": True,
    "matched": [],
    "error": None,
}


async def token(request: Request) -> Response:
    """Parse the form, hash the secret, sign a token."""
    parse_qsl((await request.body()).decode())
    basic = b64decode(request.headers["authorization"].partition(" ")[2])
    sha256(basic.partition(b":")[2]).digest()
    now = int(time.time())  # noqa: TID251 -- no clock of ours: the floor has none of our layers
    access_token = _SIGNER.sign({**_CLAIMS, "iat": now, "exp": now + 3600}, typ="at+jwt")
    return _json({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600})


async def introspect(request: Request) -> Response:
    """Parse the JSON, answer with claims: what is asked for is beside the point."""
    asked = orjson.loads(await request.body())
    return _json({"active": bool(asked["token"]), **_CLAIMS})


async def decide(request: Request) -> Response:
    """Parse the JSON, answer with JSON."""
    asked = orjson.loads(await request.body())
    return _json({"decisions": [_ANSWER for _ in asked["evaluations"]]})


async def key_set(_: Request) -> Response:
    """Answer with bytes that are there already."""
    return Response(_KEY_SET, media_type="application/json")


async def user(request: Request) -> Response:
    """Answer with JSON to a read, or to a change."""
    body = await request.body()
    return _json({**_CLAIMS, **(orjson.loads(body) if body else {})})


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")


APP = Starlette(
    routes=[
        Route("/oauth2/token", token, methods=["POST"]),
        Route("/oauth2/introspect", introspect, methods=["POST"]),
        Route("/oauth2/jwks", key_set),
        Route("/v1/decisions", decide, methods=["POST"]),
        Route("/v1/users/{user}", user, methods=["GET", "PATCH"]),
    ]
)


if __name__ == "__main__":
    config = server_config(APP)
    config.http = "httptools"
    config.port = int(sys.argv[1])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())
