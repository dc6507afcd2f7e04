"""The admin lane, for comparison: a unit of work, the ORM, authorization from the database."""

from collections.abc import Iterator
from itertools import product

from benchmarks.asking import change_user_request, fetch_tokens, read_user_request
from benchmarks.comparing import Row, compare
from benchmarks.load import write_requests
from benchmarks.scene import Scene


def users(scene: Scene) -> Iterator[Row]:
    """A read, and a change with its event."""
    installation = scene.on_postgresql
    with installation.served() as server:
        (token,) = fetch_tokens(server, [installation.administrator])
        reads = write_requests(read_user_request(token, user) for user in installation.users)
        # Two texts in turn, so that every request changes something.
        changes = write_requests(
            change_user_request(token, user, text)
            for text, user in product(("one", "another"), installation.users)
        )
        yield compare("read a user", floor=scene.floor, bench=server, requests=reads)
        yield compare("change a user", floor=scene.floor, bench=server, requests=changes)
    reads.unlink()
    changes.unlink()
