"""DS-15: a page of a list costs what a page costs, however long the list is and however deep.

The lists are taken from the OpenAPI document, so a new one is under this test from its first day.
What each asks the database is caught in the act, and its plan is looked at on both databases.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, text

from iam.features.job_runs.service import register_jobs
from iam.models import Base
from tests.world import Actor, World, allow, policy_document

pytestmark = pytest.mark.anyio

LIMIT = 7
"""Asked with one more, to see whether any follow: a number that no other query has."""
SHORT = 30
LONG = 200_000
FIRST = 10_000_000

HOLDERS = {"users": "alice", "services": "billing", "roles": "deploy", "groups": "crowd"}
TARGETS = {
    "user": "alice", "service": "billing", "role": "deploy", "group": "crowd", "policy": "shared",
    "type": "scp", "name": "FullAccess", "job": "tick", "webhook": "hook",
}  # fmt: skip
FILTERED = ("/v1/audit-events?target={group}", "/v1/credentials?principal=service/billing")
"""Lists that are narrowed to what one thing has, which may be as much."""
FEW = {"attached-policies"}
"""What a quota keeps to a handful may be sorted."""
NOBODYS = {"/v1/signing-keys"}
"""Only rotation makes them: a table of a few rows, which may be read as a whole."""
DECIDED = {"ListPrincipalsWithAccess", "ListPrincipalAccess"}
"""No rows but decisions, made for the page: what that takes is measured by `./dev bench`."""
LINES = {"ExportAuditEvents"}
"""Lines of a log and no items, in the order of the index that numbers them."""
BUILT_IN = {"ListActionCatalogues"}
"""Those of the service itself come first, so that a short page has hardly a row of the table."""
TABLES = {table.name for table in Base.metadata.sorted_tables}


@dataclass(frozen=True)
class Query:
    """One query of a list, as the driver got it."""

    address: str
    statement: str
    values: tuple[Any, ...]


async def furnish(world: World, admin: Actor, size: int) -> dict[str, str]:
    """One of everything, and of each so many more, made by the database itself."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"IAM": admin.arn}, "Action": "sts:AssumeRole"}
        ],
    }
    document = json.loads(policy_document(allow("billing:*")))
    async with world.runtime.begin_as_root() as uow:
        await register_jobs(uow, [("tick", "Ticks", "@hourly")])
    made = {}
    for address, body in (
        ("groups", {"name": "crowd"}),
        ("users", {"name": "alice"}),
        ("services", {"name": "billing", "owner": "group/crowd"}),
        ("roles", {"name": "deploy", "trust_policy": trust}),
        ("policies", {"name": "shared", "document": document}),
        ("services/billing/credentials", {"kind": "client_secret"}),
        ("webhooks", {"name": "hook", "url": "https://hooks.example.com/"}),
        ("jobs/tick:run", None),
    ):
        answer = await admin.http.post(f"/v1/{address}", json=body)
        assert answer.status_code == 201, answer.text
        made[address] = answer.json()["id"]
    for address in (
        "users/alice/attached-policies/shared",
        "groups/crowd/attached-policies/shared",
    ):
        assert (await admin.http.put(f"/v1/{address}")).is_success
    member = await admin.http.put("/v1/groups/crowd/members/user/alice")
    assert member.is_success, member.text
    await multiply(world, made, size)
    return made


async def multiply(world: World, made: Mapping[str, str], size: int) -> None:
    """Copy rows within the database: a million of them is no matter."""
    number = f"CAST({FIRST} + n.i AS TEXT)"
    user, shared = made["users"], made["policies"]
    copies: list[tuple[str, str, dict[str, str]]] = [
        ("accounts", "name = 'main'", {"name": f"'x' || {number}"}),
        ("groups", f"id = '{made['groups']}'", named("grp", number)),
        ("policies", f"id = '{shared}'", named("pol", number)),
        (
            "audit_entries",
            f"target_id = '{made['groups']}' AND t.type = 'iam.group.created.v1'",
            {"id": f"'evt_x' || {number}"},
        ),
        (
            "credentials",
            f"id = '{made['services/billing/credentials']}'",
            {"id": f"'crd_x' || {number}", "secret_hash": "NULL", "public_jwk": "'{}'"},
        ),
        ("jobs", "name = 'tick'", {"name": f"'x' || {number}"}),
        ("job_runs", "job = 'tick'", {"id": f"'run_x' || {number}"}),
        (
            "group_memberships",
            f"principal_id = '{user}'",
            {"principal_id": f"'usr_x' || {number}"},
        ),
        (
            "policy_attachments",
            f"principal_id = '{user}'",
            {"id": f"'pol_a' || {number}", "principal_id": f"'usr_x' || {number}"},
        ),
        (
            "policy_attachments",
            f"group_id = '{made['groups']}'",
            {"id": f"'pol_b' || {number}", "group_id": f"'grp_x' || {number}"},
        ),
    ]
    principals = [
        ("users", "usr", {"boundary_policy_id": f"'{shared}'"}),
        ("services", "svc", {}),
        ("roles", "rol", {}),
    ]
    first: list[tuple[str, str, dict[str, str]]] = [
        ("principals", f"id = '{made[address]}'", {**named(prefix, number), **more})
        for address, prefix, more in principals
    ]
    async with world.runtime.database.connect(writes=True) as connection:
        if not world.runtime.database.is_sqlite:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
        for table, template, changed in first + copies:
            columns = [column.name for column in Base.metadata.tables[table].columns]
            values = ", ".join(changed.get(name, f"t.{name}") for name in columns)
            await connection.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 -- our own names
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                    f"WHERE i < {size}) SELECT {values} FROM {table} t, n WHERE t.{template}"
                )
            )
        await connection.execute(text("ANALYZE"))
        await connection.commit()


def named(prefix: str, number: str) -> dict[str, str]:
    """An id and a name of its own."""
    name = f"'x' || {number}"
    return {"id": f"'{prefix}_x' || {number}", "name": name, "name_key": name}


async def addresses(admin: Actor, made: Mapping[str, str]) -> list[str]:
    """Every list of the API, and some that are narrowed by what they are about."""
    document = (await admin.http.get("/openapi.json")).json()
    found = [
        path.format_map({**TARGETS, "holder": HOLDERS.get(path.split("/")[2], "")})
        for path, methods in document["paths"].items()
        if any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", []))
        and methods["get"]["operationId"] not in DECIDED | BUILT_IN | LINES
    ]
    assert len(found) >= 14
    return found + [address.format(group=made["groups"]) for address in FILTERED]


@contextmanager
def caught(world: World) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """The statements that fetch a page, with their values, while the block runs."""
    found: list[tuple[str, tuple[Any, ...]]] = []

    def keep(*arguments: Any) -> None:
        _, _, statement, values, _, _ = arguments
        if LIMIT + 1 in values:
            found.append((statement, tuple(values)))

    engine = world.runtime.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    yield found
    event.remove(engine, "before_cursor_execute", keep)


async def queries(world: World, admin: Actor, size: int) -> list[Query]:
    """What every list asks for its first page, the second, and one in the middle."""
    made = await furnish(world, admin, size)
    found = []
    for address in set(await addresses(admin, made)) - NOBODYS:
        limited = f"{address}{'&' if '?' in address else '?'}limit={LIMIT}"
        with caught(world) as asked:
            answer = await admin.http.get(limited)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert asked, address
            if page["next_cursor"] is not None:
                await admin.http.get(f"{limited}&cursor={page['next_cursor']}")
        found += [Query(address, statement, values) for statement, values in asked]
        found += [Query(address, statement, deep(values, size)) for statement, values in asked]
    return found


def deep(values: tuple[Any, ...], size: int) -> tuple[Any, ...]:
    """The same, from the middle of the list on."""
    return tuple(
        re.sub(rf"(?<=x){str(FIRST)[:2]}\d{{6}}$", str(FIRST + size // 2), value)
        if isinstance(value, str)
        else value
        for value in values
    )


async def postgresql_plan(world: World, query: Query, *options: str) -> dict[str, Any]:
    connection = await world.runtime.database.open_postgresql()
    try:
        if "ANALYZE" not in options:
            # With few rows the planner reads them all, and is right: ask whether it could do else.
            for kind in ("seqscan", "sort", "bitmapscan", "hashjoin", "mergejoin"):
                await connection.execute(f"SET enable_{kind} = off")
        how = ", ".join((*options, "FORMAT JSON"))
        found = await connection.fetchval(f"EXPLAIN ({how}) {query.statement}", *query.values)
    finally:
        await connection.close()
    plan: dict[str, Any] = json.loads(found)[0]["Plan"]
    return plan


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def is_bounded(plan: Mapping[str, Any]) -> bool:
    """Whether nothing below passes on more than a page."""
    if plan["Node Type"] == "Limit":
        return True
    below = plan.get("Plans", [])
    return bool(below) and all(is_bounded(one) for one in below)


def postgresql_faults(query: Query, plan: dict[str, Any]) -> list[str]:
    """What makes the whole table be read or sorted."""
    faults = []
    for node in nodes(plan):
        if node["Node Type"] == "Seq Scan":
            faults.append(f"reads all of {node['Relation Name']}")
        is_sort = node["Node Type"] in {"Sort", "Incremental Sort"}
        if is_sort and not is_bounded(node["Plans"][0]) and not is_of_few(query):
            faults.append(f"sorts by {node['Sort Key']}")
    return faults


def is_of_few(query: Query) -> bool:
    return any(word in query.address for word in FEW)


def sqlite_faults(world: World, query: Query) -> list[str]:
    connection = world.runtime.database.open_sqlite()
    try:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {query.statement}", query.values).fetchall()
    finally:
        connection.close()
    faults = []
    for _, parent, _, detail in rows:
        beside = [other for _, above, _, other in rows if above == parent]
        if is_scan(detail) and "PRIMARY KEY" not in detail and "autoindex" not in detail:
            faults.append(detail)
        reads = any(reads_table(other) for other in beside)
        if "TEMP B-TREE" in detail and reads and not is_of_few(query):
            faults.append(detail)
    return faults


def is_scan(detail: str) -> bool:
    return detail.startswith("SCAN ") and detail.split()[1] in TABLES


def reads_table(detail: str) -> bool:
    return detail.startswith(("SCAN ", "SEARCH ")) and detail.split()[1] in TABLES


async def test_ds_15_no_list_reads_or_sorts_a_whole_table(world: World, admin: Actor) -> None:
    for query in await queries(world, admin, SHORT):
        if world.runtime.database.is_sqlite:
            faults = sqlite_faults(world, query)
        else:
            faults = postgresql_faults(query, await postgresql_plan(world, query))
        assert not faults, f"{query.address}: {faults}\n{query.statement}"


async def test_ds_15_a_page_follows_the_one_before_it(world: World, admin: Actor) -> None:
    made = await furnish(world, admin, SHORT)
    for address in await addresses(admin, made):
        whole: list[str] = []
        pages: list[dict[str, Any]] = []
        cursor: str | None = None
        while cursor is not None or not pages:
            more = f"&cursor={cursor}" if cursor else ""
            joint = "&" if "?" in address else "?"
            page = (await admin.http.get(f"{address}{joint}limit={LIMIT}{more}")).json()
            pages.append(page)
            whole += [json.dumps(item, sort_keys=True) for item in page["items"]]
            cursor = page["next_cursor"]
        assert len(set(whole)) == len(whole), address
        assert all(len(page["items"]) == LIMIT for page in pages[:-1]), address
        at_once = (await admin.http.get(f"{address}{joint}limit=200")).json()["items"]
        assert [json.dumps(item, sort_keys=True) for item in at_once] == whole, address


@pytest.mark.long
async def test_ds_15_a_page_of_200_000_costs_no_more_than_a_page(
    world: World, admin: Actor
) -> None:
    for query in await queries(world, admin, LONG):
        if world.runtime.database.is_sqlite:
            assert steps(world, query) < 10_000, f"{query.address}\n{query.statement}"
            continue
        plan = await postgresql_plan(world, query, "ANALYZE")
        rows = sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in nodes(plan)
            if "Relation Name" in node
        )
        assert rows < 200, f"{query.address}\n{query.statement}\n{json.dumps(plan, indent=1)}"


def steps(world: World, query: Query) -> int:
    """How many steps SQLite's machine takes, in hundreds."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 100
        return 0

    connection: sqlite3.Connection = world.runtime.database.open_sqlite()
    try:
        connection.set_progress_handler(count, 100)
        connection.execute(query.statement, query.values).fetchall()
    finally:
        connection.close()
    return taken
