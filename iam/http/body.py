"""Reading a body without the framework's request; its size and time are bounded by the edge."""

from starlette.types import Receive

from iam.errors import invalid


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises `IamError` of kind `invalid` if the client goes away before that."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise invalid("invalid_request", "the client went away before its body had arrived")
        body: bytes = message.get("body", b"")
        if not message.get("more_body") and not parts:
            return body
        parts.append(body)
        if not message.get("more_body"):
            return b"".join(parts)
