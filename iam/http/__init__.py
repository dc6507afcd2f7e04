"""The HTTP tool box: everything that routes share and no feature owns.

* `connection.py`: one connection: head and body of a request are bounded in size and time.
* `joined_writes.py`: what is written in one turn of the event loop leaves in one system call.
* `edge.py`: the outermost layer: request id, limits, security headers, the last catch.
* `address.py`: the client's address behind trusted proxies.
* `problems.py`: errors become problem+json or OAuth errors, in this one place.
* `fast_lane.py`, `body.py`, `json_endpoint.py`, `oauth.py`: the fast lane, without a framework.
* `strict_body.py`: JSON bodies are parsed strictly before FastAPI sees them.
* `refusals.py`: what FastAPI calls when a route raises.
* `bearer.py`: the one bearer token of a request.
* `work.py`: the dependency that begins a unit of work and authenticates its caller.
* `router.py`: the router of the JSON API; every route names its action.
* `preconditions.py`, `idempotency.py`, `listing.py`, `instants.py`: conventions of the API.
* `openapi.py`, `openapi_oauth.py`, `examples.py`: the OpenAPI document, and the company in it.
"""
