"""What a service imports to have an identity, to verify callers and to ask for decisions.

`connect` finds issuer and credentials by itself and holds the rest. The parts can be used alone:
`jws` and `tokens` verify (pure), `jwks` keeps the issuer's keys, `source` has tokens for calling
others, `http_auth` puts them on requests, `authorizer` asks for decisions, `asgi` guards a service,
`testing` is an issuer for tests. `errors` shows all that is raised, as one tree.

Everything here is loaded when it is first named: importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iam_sdk.asgi import IamMiddleware, Identity, require
    from iam_sdk.authorizer import AsyncAuthorizer, Authorizer, Decision, Evaluation
    from iam_sdk.connection import Connection, connect
    from iam_sdk.errors import IamSdkError, TokenInvalid
    from iam_sdk.http_auth import BearerAuth, HttpxBearerAuth
    from iam_sdk.jwks import KeyCache
    from iam_sdk.jws import KeySet, verify_compact
    from iam_sdk.source import AsyncTokenSource, TokenSource
    from iam_sdk.tokens import AccessToken, verify_access_token
    from iam_sdk.verifier import TokenVerifier

_HOMES = {
    "AccessToken": "tokens",
    "AsyncAuthorizer": "authorizer",
    "AsyncTokenSource": "source",
    "Authorizer": "authorizer",
    "BearerAuth": "http_auth",
    "Connection": "connection",
    "Decision": "authorizer",
    "Evaluation": "authorizer",
    "HttpxBearerAuth": "http_auth",
    "IamMiddleware": "asgi",
    "IamSdkError": "errors",
    "Identity": "asgi",
    "KeyCache": "jwks",
    "KeySet": "jws",
    "TokenInvalid": "errors",
    "TokenSource": "source",
    "TokenVerifier": "verifier",
    "connect": "connection",
    "require": "asgi",
    "verify_access_token": "tokens",
    "verify_compact": "jws",
}

__all__ = [
    "AccessToken",
    "AsyncAuthorizer",
    "AsyncTokenSource",
    "Authorizer",
    "BearerAuth",
    "Connection",
    "Decision",
    "Evaluation",
    "HttpxBearerAuth",
    "IamMiddleware",
    "IamSdkError",
    "Identity",
    "KeyCache",
    "KeySet",
    "TokenInvalid",
    "TokenSource",
    "TokenVerifier",
    "connect",
    "require",
    "verify_access_token",
    "verify_compact",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `iam_sdk` has no `{name}`")
    return getattr(import_module(f"iam_sdk.{_HOMES[name]}"), name)
