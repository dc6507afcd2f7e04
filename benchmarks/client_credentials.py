"""The token endpoint: 1,000 clients, each with a secret, each token durable before it leaves."""

from collections.abc import Iterator

from benchmarks.asking import token_request
from benchmarks.comparing import Row, compare
from benchmarks.installation import Installation
from benchmarks.load import resident_mib, write_requests
from benchmarks.scene import Scene


def on_postgresql(scene: Scene) -> Iterator[Row]:
    """Tokens on PostgreSQL."""
    yield _row("token, PostgreSQL", scene, scene.on_postgresql, bar=0.55)


def on_sqlite(scene: Scene) -> Iterator[Row]:
    """Tokens on SQLite, `synchronous=FULL`."""
    yield _row("token, SQLite", scene, scene.on_sqlite, bar=0.45)


def _row(name: str, scene: Scene, installation: Installation, *, bar: float) -> Row:
    requests = write_requests(map(token_request, installation.clients))
    with installation.served() as server:
        before = resident_mib(server)
        row = compare(name, floor=scene.floor, bench=server, requests=requests, bar=bar)
        row.measured["MiB"] = f"{before:.0f} > {resident_mib(server):.0f}"
    requests.unlink()
    return row
