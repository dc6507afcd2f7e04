"""Introspection of 1,000 live tokens, each seen before by this process."""

from collections.abc import Iterator

from benchmarks.asking import bare_introspection_request, fetch_tokens, introspection_request
from benchmarks.comparing import Row, compare
from benchmarks.load import write_requests
from benchmarks.scene import Scene


def introspection(scene: Scene) -> Iterator[Row]:
    """Every client asks about its own token."""
    installation = scene.on_postgresql
    with installation.served() as server:
        tokens = fetch_tokens(server, installation.clients)
        requests = write_requests(map(introspection_request, installation.clients, tokens))
        bare = write_requests(map(bare_introspection_request, tokens))
        yield compare(
            "introspection",
            floor=scene.floor,
            bench=server,
            requests=requests,
            floor_requests=bare,
            bar=0.55,
        )
    requests.unlink()
    bare.unlink()
