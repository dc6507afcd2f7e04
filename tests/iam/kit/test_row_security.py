"""MT-08: whoever forgets the filter on purpose finds nothing. PostgreSQL alone has this wall."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from iam.features.audit_log.jobs import seal
from iam.kit.row_security import ALL_ACCOUNTS, SETTING
from iam.models import Base
from iam.work import Caller, UnitOfWork
from tests.deliveries import bury_one
from tests.oauth import Client, introspected, new_client, token_of
from tests.postgres import Server
from tests.world import Actor, World, allow, open_world, policy_document

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True),
]

COLUMN_OF = {t.name: "account" for t in Base.metadata.sorted_tables if "account" in t.columns}
COLUMN_OF["accounts"] = "name"
SHARED = {"policies", "policy_versions"}
"""Where the shipped rows of account `iam` are everybody's to read."""
REFUSED = "violates row-level security policy"


@pytest.fixture
async def two(world: World) -> dict[str, Client]:
    """One client in each of two accounts, and rows of both in every table."""
    await world.account("acme")
    clients = {account: await fill(world, account) for account in ("main", "acme")}
    await seal(world.runtime)
    return clients


ACTIONS = [{"name": "GetOrder", "access_level": "read"}]


async def fill(world: World, account: str) -> Client:
    """Let something happen in an account that leaves a row in every table."""
    boss = await world.administrator(account)
    policy = {"name": "p", "document": json.loads(policy_document(allow("*")))}
    headers = {"Idempotency-Key": "k"}
    assert (await boss.http.post("/v1/policies", json=policy, headers=headers)).status_code == 201
    for_all = {**allow("*"), "Principal": {"IAM": account}}
    address = f"/v1/resource-policies/arn:iam:shop::{account}:order"
    answer = await boss.http.put(address, json={"document": json.loads(policy_document(for_all))})
    assert answer.status_code == 200, answer.text
    client = await new_client(world, allow("iam:ListUsers"), name="canary", account=account)
    catalogue = {"owner": client.actor.id, "document": {"prefix": "shop", "actions": ACTIONS}}
    answer = await boss.http.put("/v1/action-catalogues/shop", json=catalogue)
    assert answer.status_code in {200, 201}, answer.text
    access = {"document": {"configuration": "shop", "groups": {"configured": {}}}}
    answer = await boss.http.post("/v1/configuration:apply", json=access)
    assert answer.status_code == 200, answer.text
    relay = {"name": "relay", "host": "smtp.example.com", "sender": "iam@example.com"}
    assert (await boss.http.post("/v1/mail-routes", json=relay)).status_code == 201
    wording = {"subject": "s", "text": "t"}
    put = await boss.http.put("/v1/mail-templates/test", json=wording)
    assert put.status_code == 200, put.text
    sent = await boss.http.post("/v1/mail:test", json={"to": "ana@example.com"})
    assert sent.status_code == 200, sent.text
    hook = {"name": "hook", "url": "https://hooks.example.com/"}
    made = await boss.http.post("/v1/webhooks", json=hook)
    assert made.status_code == 201, made.text
    await bury_one(world, made.json()["id"], account=account)
    token = await token_of(world, client)
    assert (await introspected(world, token, client))["active"]
    no = {"principal": client.actor.arn, "action": "a:B", "resource": "*"}
    answer = await boss.http.post("/v1/decisions", json={"evaluations": [no]})
    assert not answer.json()["decisions"][0]["allowed"]
    await world.runtime.tools.denied_questions.flush()
    await world.runtime.uses.flush()
    await world.runtime.tools.denials.flush()
    return client


@asynccontextmanager
async def work_of(world: World, actor: Actor, kind: str) -> AsyncIterator[UnitOfWork]:
    """A unit of work in the account of an actor: of its root, or as an API request begins it."""
    if kind == "root":
        async with world.work(actor.account) as uow:
            yield uow
        return
    authenticator = world.runtime.authenticator
    token = await authenticator.verify(actor.token, now=world.clock.now())
    async with world.runtime.begin(
        Caller.nobody(request_id="r"), read_only=kind == "reader"
    ) as uow:
        await authenticator.identify(uow, token)
        yield uow


async def seen(reader: Any) -> dict[str, Counter[str]]:
    """How many rows of which account there are in each table, when nothing filters."""
    found = {}
    for table, column in COLUMN_OF.items():
        rows = await reader.execute(text(f"SELECT {column} FROM {table}"))  # noqa: S608 -- our own names
        found[table] = Counter(rows.scalars())
    return found


@pytest.mark.parametrize("kind", ["root", "reader", "writer"])
@pytest.mark.parametrize(("own", "foreign"), [("main", "acme"), ("acme", "main")])
async def test_mt_08_a_query_without_a_filter_finds_rows_of_the_callers_account_alone(
    world: World, two: dict[str, Client], own: str, foreign: str, kind: str
) -> None:
    async with world.runtime.database.connect(writes=False) as connection:
        everything = await seen(connection)
    async with work_of(world, two[own].actor, kind) as uow:
        found = await seen(uow)
    for table, accounts in everything.items():
        assert accounts[foreign], f"{table} has no row that could be found by mistake"
        shipped = {"iam": accounts["iam"]} if table in SHARED else {}
        assert found[table] == Counter({own: accounts[own], **shipped}), table


@pytest.mark.parametrize("kind", ["root", "writer"])
async def test_mt_08_nothing_is_written_into_another_account(
    world: World, two: dict[str, Client], kind: str
) -> None:
    actor = two["acme"].actor
    for statement in (
        "UPDATE principals SET account = 'main'",
        "INSERT INTO changes (account, entity_id, changed_at) VALUES ('main', 'x', now())",
        """
        INSERT INTO policy_versions (policy_id, number, account, document, created_by, created_at)
        SELECT policy_id, 99, account, document, '', now()
        FROM policy_versions WHERE account = 'iam'
        """,
    ):
        with pytest.raises(DBAPIError, match=REFUSED):
            async with work_of(world, actor, kind) as uow:
                await uow.execute(text(statement))


async def test_mt_08_nothing_of_another_account_is_changed_or_removed(
    world: World, two: dict[str, Client]
) -> None:
    async with world.work("acme") as uow:
        for table, column in COLUMN_OF.items():
            foreign = f"WHERE {column} <> 'acme'"
            for statement in (
                f"UPDATE {table} SET {column} = 'acme' {foreign}",  # noqa: S608 -- our own names
                f"DELETE FROM {table} {foreign}",  # noqa: S608 -- as above
            ):
                result: Any = await uow.execute(text(statement))
                assert result.rowcount == 0, statement
    assert (await two["main"].actor.http.get("/v1/users")).status_code == 200


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("setting", ["", None])
async def test_mt_08_without_an_account_there_is_nothing(world: World, setting: str | None) -> None:
    dsn = world.runtime.database.url.set(drivername="postgresql")
    settings = {} if setting is None else {SETTING: setting}
    connection = await asyncpg.connect(dsn.render_as_string(), server_settings=settings)
    try:
        for table in COLUMN_OF:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 -- our own names
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=REFUSED):
            await connection.execute(
                "INSERT INTO changes (account, entity_id, changed_at) VALUES ('', 'x', now())"
            )
    finally:
        await connection.close()


async def test_every_table_whose_rows_belong_to_an_account_has_the_wall(world: World) -> None:
    query = text("""
        SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity
        AND EXISTS (SELECT FROM pg_policies WHERE tablename = relname AND cmd = 'ALL')
    """)
    async with world.runtime.database.connect(writes=False) as connection:
        assert set((await connection.execute(query)).scalars()) == set(COLUMN_OF)


async def test_a_part_that_is_rolled_back_leaves_the_rest_narrowed(
    world: World, two: dict[str, Client]
) -> None:
    async with work_of(world, two["acme"].actor, "writer") as uow:
        with pytest.raises(ZeroDivisionError):
            async with uow.savepoint():
                await uow.see_all_accounts()
                assert len((await seen(uow))["principals"]) == 2
                raise ZeroDivisionError
        assert set((await seen(uow))["principals"]) == {"acme"}
        await uow.see_all_accounts()
        assert set((await seen(uow))["principals"]) == {"acme", "main"}
        await uow.see_own_account()
        assert set((await seen(uow))["principals"]) == {"acme"}


@pytest.mark.usefixtures("two")
async def test_the_narrowing_ends_with_its_transaction(world: World) -> None:
    async with world.runtime.database.connect(writes=False) as connection:
        async with connection.begin():
            await connection.execute(text("SELECT set_config('iam.account', 'acme', true)"))
            assert set((await seen(connection))["principals"]) == {"acme"}
        async with connection.begin():
            shown = await connection.scalar(text("SELECT current_setting('iam.account')"))
            assert shown == ALL_ACCOUNTS
            assert set((await seen(connection))["principals"]) == {"acme", "main"}


async def test_mt_07_the_fast_lane_serves_several_accounts_at_once(
    world: World, two: dict[str, Client]
) -> None:
    async def round_of(client: Client) -> None:
        token = await token_of(world, client)
        assert (await introspected(world, token, client))["sub"] == client.id
        assert (await world.client(token).get("/v1/users")).status_code == 200

    await asyncio.gather(*(round_of(client) for client in two.values() for _ in range(8)))
    tokens = {account: await token_of(world, client) for account, client in two.items()}
    assert await introspected(world, tokens["main"], two["acme"]) == {"active": False}


async def test_a_server_whose_role_bypasses_row_security_says_so(
    postgres: Server, database_url: str, tmp_path: Path
) -> None:
    for url, expected in ((postgres.superuser_url, ["superuser"]), (database_url, [])):
        with capture_logs() as logs:
            async with open_world(url, tmp_path):
                pass
        told = [line["reason"] for line in logs if line["event"] == "row_security_bypassed"]
        assert told == expected
