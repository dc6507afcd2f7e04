"""F-09: the database fails within a revocation, or as a token is written: never a 2xx.

The errors are PostgreSQL's own: a trigger raises them, and counts in a sequence, which no rollback
takes back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from iam.work.collisions import RETRIES
from tests.oauth import ask, new_client, token_of
from tests.world import World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True),
]

SERIALIZATION_FAILURE, DEADLOCK, IO_ERROR, DISK_FULL = "40001", "40P01", "58030", "53100"
ALWAYS = 1_000
LONG = pytest.mark.long
GRANT = {"grant_type": "client_credentials"}
_FAILING = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {times} THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END $$
"""


@asynccontextmanager
async def failing(
    world: World, event: str, state: str, *, times: int
) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Have the ledger fail so many times; yields what tells how often it was tried."""

    async def run(*statements: str) -> int:
        async with world.runtime.database.connect(writes=True) as connection:
            found = [await connection.execute(text(each)) for each in statements]
            answer = found[-1].scalar() if found[-1].returns_rows else 0
            await connection.commit()
            return int(answer or 0)

    await run(
        "CREATE SEQUENCE tries",
        _FAILING.format(times=times, state=state),
        f"CREATE TRIGGER fail BEFORE {event} ON issued_tokens FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    try:
        yield lambda: run("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tries")
    finally:
        await run(
            "DROP TRIGGER fail ON issued_tokens", "DROP FUNCTION fail()", "DROP SEQUENCE tries"
        )


@pytest.mark.parametrize("state", [SERIALIZATION_FAILURE, pytest.param(DEADLOCK, marks=LONG)])
async def test_f_09_a_revocation_that_collides_is_tried_again_and_then_done(
    world: World, state: str
) -> None:
    client = await new_client(world)
    token = await token_of(world, client)
    async with failing(world, "UPDATE", state, times=RETRIES) as tries:
        answer = await ask(world, "revoke", {"token": token}, basic=client.basic)
        assert answer.status_code == 200
        assert await tries() == RETRIES + 1
    asked = await ask(world, "introspect", {"token": token}, basic=client.basic)
    assert asked.json() == {"active": False}
    assert len([event for event in await world.events() if event.type.endswith("revoked.v1")]) == 1


@pytest.mark.parametrize(
    ("state", "expected_tries"),
    [
        (DEADLOCK, RETRIES + 1),
        (IO_ERROR, 1),
        pytest.param(SERIALIZATION_FAILURE, RETRIES + 1, marks=LONG),
        pytest.param(DISK_FULL, 1, marks=LONG),
    ],
)
async def test_f_09_a_revocation_that_was_not_written_is_never_acknowledged(
    world: World, state: str, expected_tries: int
) -> None:
    client = await new_client(world)
    token = await token_of(world, client)
    async with failing(world, "UPDATE", state, times=ALWAYS) as tries:
        answer = await ask(world, "revoke", {"token": token}, basic=client.basic)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert await tries() == expected_tries
    asked = await ask(world, "introspect", {"token": token}, basic=client.basic)
    assert asked.json()["active"]
    assert not [event for event in await world.events() if event.type.endswith("revoked.v1")]


@pytest.mark.parametrize(
    ("state", "times", "expected_tries", "expected_status"),
    [
        (DEADLOCK, ALWAYS, RETRIES + 1, 503),
        pytest.param(DEADLOCK, RETRIES, RETRIES + 1, 200, marks=LONG),
        pytest.param(IO_ERROR, ALWAYS, 1, 503, marks=LONG),
    ],
)
async def test_f_09_no_token_leaves_that_was_not_written(
    world: World, state: str, times: int, expected_tries: int, expected_status: int
) -> None:
    client = await new_client(world)
    async with failing(world, "INSERT", state, times=times) as tries:
        answer = await ask(world, "token", GRANT, basic=client.basic)
        assert answer.status_code == expected_status
        assert await tries() == expected_tries
    assert ("access_token" in answer.json()) is (expected_status == 200)
