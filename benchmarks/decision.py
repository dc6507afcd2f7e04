"""One decision about a principal with ten policies, as `billing` asks for it.

Its callers present tokens that were issued for it, and it asks about an action of its own.
"""

from collections.abc import Iterator

from benchmarks.asking import decision_request, fetch_tokens
from benchmarks.comparing import Row, compare
from benchmarks.installation import BILLING
from benchmarks.load import write_requests
from benchmarks.scene import Scene


def decision(scene: Scene) -> Iterator[Row]:
    """One asker, 1,000 principals."""
    installation = scene.on_postgresql
    with installation.served() as server:
        (asker,) = fetch_tokens(server, [installation.billing])
        tokens = fetch_tokens(server, installation.clients, resource=BILLING)
        requests = write_requests(decision_request(asker, token) for token in tokens)
        yield compare("decision", floor=scene.floor, bench=server, requests=requests, bar=0.5)
    requests.unlink()
