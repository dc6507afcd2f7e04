"""The published key set: bytes from memory."""

from collections.abc import Iterator

from benchmarks.comparing import Row, compare
from benchmarks.load import request, write_requests
from benchmarks.scene import Scene


def key_set(scene: Scene) -> Iterator[Row]:
    """What every verifier fetches now and then."""
    requests = write_requests([request("GET", "/oauth2/jwks")])
    with scene.on_sqlite.served() as server:
        yield compare("key set", floor=scene.floor, bench=server, requests=requests)
    requests.unlink()
