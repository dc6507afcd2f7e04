"""The sealed log of a world, as who exports and verifies it sees it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from iam.features.audit_log.jobs import seal
from iam.journal.seal import Line
from iam.journal.sealed_log import LogFlawError, Verified, read_shipped, verify_log
from iam_sdk.jws import KeySet
from tests.world import Actor, World


async def exported(reader: Actor, *, limit: int = 1_000) -> list[Line]:
    """All lines of the sealed log of the reader's account, page after page."""
    lines: list[Line] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        answer = await reader.http.get("/v1/audit-log/lines", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        lines += page["lines"]
        if page["next_cursor"] is None:
            return lines
        query["cursor"] = page["next_cursor"]


async def public_keys(reader: Actor) -> KeySet:
    """The public keys of the audit log."""
    answer = await reader.http.get("/v1/audit-log/keys")
    assert answer.status_code == 200, answer.text
    return KeySet.from_jwks(answer.json())


async def verified(reader: Actor, *, kept: Path | None = None) -> Verified:
    """What a verifier says of the log as it is now."""
    keys = await public_keys(reader)
    return verified_lines(await exported(reader), keys, kept=kept)


def verified_lines(lines: list[Line], keys: KeySet, *, kept: Path | None = None) -> Verified:
    """What a verifier says of lines, which go through a file."""
    texts = [json.dumps(line) for line in lines]
    shipped = read_shipped(kept.read_text().splitlines(), keys) if kept else ()
    return verify_log(texts, keys, shipped)


@contextmanager
def flawed(sequence: int) -> Iterator[None]:
    """The verifier names this entry as the first bad one."""
    with pytest.raises(LogFlawError) as caught:
        yield
    assert caught.value.sequence == sequence, caught.value.message


async def sealed(world: World) -> int:
    """Seal all that waits, refusals included."""
    await world.runtime.tools.denials.flush()
    return await seal(world.runtime)
