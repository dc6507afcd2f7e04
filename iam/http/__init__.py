"""The HTTP tool box: everything that routes share and no feature owns.

* `connection.py`: what a client may send before there is a request: a head of bounded size.
* `edge.py`: the outermost layer: request id, limits, security headers, the last catch.
* `address.py`: the client's address behind trusted proxies.
* `problems.py`: errors become problem+json or OAuth errors, in this one place.
* `fast_lane.py`, `body.py`, `json_endpoint.py`, `oauth.py`: the fast lane, without a framework.
* `strict_body.py`: JSON bodies are parsed strictly before FastAPI sees them.
* `bearer.py`: the one bearer token of a request.
* `work.py`: the dependency that begins a unit of work and authenticates its caller.
* `router.py`: the router of the JSON API; every route names its action.
* `preconditions.py`, `idempotency.py`, `listing.py`: conventions of the API.
"""
