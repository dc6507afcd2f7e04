"""The bearer token of a request (RFC 6750 section 2.1): one header, never the query or a form."""

from collections.abc import Sequence

from starlette.datastructures import Headers

from iam.errors import unauthenticated


def bearer_token(headers: Headers) -> str:
    """The token. Raises `IamError` of kind `unauthenticated` when there is not exactly one."""
    return bearer_of(headers.getlist("authorization"))


def bearer_of(values: Sequence[str]) -> str:
    """The token of the `Authorization` headers; raises as `bearer_token` does."""
    if not values:
        raise unauthenticated("authentication_required", "present a bearer token")
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not token:
        raise unauthenticated("authorization_malformed", "expected one `Authorization: Bearer`")
    return token
