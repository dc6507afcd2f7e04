"""The seal of the audit log, on a running installation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import and_, delete, insert, select, update
from structlog.testing import capture_logs

from iam.features.audit_log import jobs
from iam.features.audit_log.jobs import seal, ship
from iam.features.audit_log.service import measure
from iam.journal.chain_reading import read_lines
from iam.journal.events import EventType
from iam.journal.sealed_log import LogFlawError
from iam.kit.ids import IdKind, new_id
from iam.models import AuditChain, AuditCheckpoint, AuditEntry, Group, OutboxMessage, User
from iam.work import UnitOfWork
from tests.host import PATIENCE
from tests.iam.features.audit_log.sealed import (
    exported,
    flawed,
    public_keys,
    sealed,
    verified,
    verified_lines,
)
from tests.world import ISSUER, NOON, Actor, World, allow, open_world

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
Columns = AuditEntry.__table__.c


async def create(actor: Actor, *names: str, **more: str) -> list[dict[str, Any]]:
    made = []
    for name in names:
        answer = await actor.http.post("/v1/users", json={"name": name, **more})
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    return made


async def add_group(world: World, name: str) -> None:
    """A change, without the cost of a request."""
    async with world.work("main") as uow:
        group = Group(
            id=new_id(IdKind.GROUP, uow.now), account="main", name=name,
            created_at=uow.now, updated_at=uow.now,
        )  # fmt: skip
        uow.add(group)
        uow.emit(EventType.GROUP_CREATED, group)


class TestSealing:
    async def test_an_entry_is_there_before_it_is_sealed(self, world: World, admin: Actor) -> None:
        await sealed(world)
        (alice,) = await create(admin, "alice")
        query = {"target": alice["id"]}
        (event,) = (await admin.http.get("/v1/audit-events", params=query)).json()["items"]
        assert (event["sequence"], event["is_unsealed"]) == (None, True)
        assert await sealed(world) == 1
        (event,) = (await admin.http.get("/v1/audit-events", params=query)).json()["items"]
        log = await verified(admin)
        assert (event["sequence"], event["is_unsealed"]) == (log.last, False)
        assert await sealed(world) == 0
        assert (await verified(admin)).checkpoints == log.checkpoints

    @pytest.mark.any_database
    async def test_each_account_has_a_chain_of_its_own(self, world: World, admin: Actor) -> None:
        await world.account("acme")
        stranger = await world.administrator("acme")
        await create(stranger, "alice")
        await create(admin, "bob")
        await sealed(world)
        theirs = await exported(stranger)
        assert verified_lines(theirs, await public_keys(stranger)).account == "acme"
        assert "bob" not in json.dumps(theirs)
        assert (await verified(admin)).account == "main"

    @pytest.mark.any_database
    async def test_mt_09_an_account_of_a_used_name_begins_a_chain(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        await create(await world.administrator("acme"), "alice")
        for verb, path in (("POST", "/v1/accounts/acme:suspend"), ("DELETE", "/v1/accounts/acme")):
            await admin.http.request(verb, path, headers={"If-Match": "*"})
        await world.advance(timedelta(minutes=1))
        await world.account("acme")
        newcomer = await world.administrator("acme")
        assert [line["kind"] for line in await exported(newcomer)] == ["log"]
        await sealed(world)
        lines = await exported(newcomer)
        found = verified_lines(lines, await public_keys(newcomer))
        assert (found.chain, found.first) == ("acme#2", 1)
        assert "alice" not in json.dumps(lines)

    async def test_al_07_with_the_clock_set_back_numbers_go_on(
        self, admin: Actor, database_url: str, tmp_path: Path
    ) -> None:
        await create(admin, "before")
        async with open_world(database_url, tmp_path, starts=NOON - HOUR) as late:
            await add_group(late, "after")
            await sealed(late)
        first, second = [
            line for line in await exported(admin)
            if line.get("type") in {"iam.user.created.v1", "iam.group.created.v1"}
        ][-2:]  # fmt: skip
        assert (first["type"], second["type"]) == ("iam.user.created.v1", "iam.group.created.v1")
        assert second["sequence"] == first["sequence"] + 1
        assert second["occurred_at"] < first["occurred_at"]
        assert second["recorded_at"] >= first["recorded_at"]
        assert (await verified(admin)).last >= second["sequence"]

    async def test_al_11_what_is_exported_while_others_write_is_a_prefix(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, *(f"user-{number}" for number in range(6)))
        await sealed(world)
        lines, cursor = [], None
        for number in range(100):
            query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await admin.http.get("/v1/audit-log/lines", params=query)).json()
            lines += page["lines"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            if number < 4:
                await add_group(world, f"group-{number}")
                await seal(world.runtime)
        found = verified_lines(lines, await public_keys(admin))
        await add_group(world, "later")
        await seal(world.runtime)
        whole = await exported(admin)
        assert whole[: len(lines)] == lines
        assert found.last == (await verified(admin)).last - 1
        assert verified_lines(whole[: len(lines)], await public_keys(admin)) == found

    @pytest.mark.any_database
    async def test_only_who_may_exports_erases_or_sees_keys(self, world: World) -> None:
        nobody = await world.actor(allow("audit:ListEvents", "audit:GetEvent"))
        for path in ("/v1/audit-log/lines", "/v1/audit-log/keys"):
            assert (await nobody.http.get(path)).status_code == 403
        erase = await nobody.http.post("/v1/audit-log:erase", json={"principal": nobody.id})
        assert erase.status_code == 403

    @pytest.mark.any_database
    async def test_the_key_of_the_log_is_none_of_those_that_verify_tokens(
        self, world: World, admin: Actor
    ) -> None:
        await sealed(world)
        published = (await world.http.get("/oauth2/jwks")).json()["keys"]
        kids = set(await public_keys(admin))
        assert kids
        assert not kids & {key["kid"] for key in published}
        assert not kids & set(await world.runtime.keys.get())
        listed = (await admin.http.get("/v1/signing-keys")).json()["items"]
        assert {key["purpose"] for key in listed} == {"access_token", "audit_log"}

    @pytest.mark.any_database
    async def test_the_key_of_the_log_is_rotated_and_what_it_signed_still_holds(
        self, world: World, admin: Actor
    ) -> None:
        await sealed(world)
        await admin.http.post("/v1/signing-keys:rotate")
        await world.advance(timedelta(hours=25))
        await world.run_job("advance-signing-keys")
        admin.http.headers["authorization"] = f"Bearer {await world.token_for(admin.id)}"
        await sealed(world)
        lines = [line["jws"] for line in await exported(admin) if line["kind"] == "checkpoint"]
        assert len({jws.partition(".")[0] for jws in lines}) == 2
        assert (await verified(admin)).checkpoints == len(lines)


def at(*numbers: int) -> Any:
    """The entries of `main` with these numbers."""
    return and_(Columns.chain == "main", Columns.sequence.in_(numbers))


async def renumber(uow: UnitOfWork, old: int, new: int) -> None:
    await uow.execute(update(AuditEntry).where(at(old)).values(sequence=new))


async def edit(uow: UnitOfWork) -> None:
    await uow.execute(update(AuditEntry).where(at(5)).values(outcome="denied"))


async def edit_values(uow: UnitOfWork) -> None:
    await uow.execute(update(AuditEntry).where(at(5)).values(after={"a": 1}))


async def remove(uow: UnitOfWork) -> None:
    await uow.execute(delete(AuditEntry).where(at(5)))


async def remove_and_close_ranks(uow: UnitOfWork) -> None:
    await remove(uow)
    for sequence in range(6, 20):
        await renumber(uow, sequence, sequence - 1)


async def insert_one(uow: UnitOfWork) -> None:
    for sequence in range(30, 4, -1):
        await renumber(uow, sequence, sequence + 1)
    row = (await uow.execute(select(*Columns).where(at(4)))).mappings().one()
    forged = {**row, "id": new_id(IdKind.EVENT, NOON), "sequence": 5}
    await uow.execute(insert(AuditEntry).values(**forged))


async def swap_numbers(uow: UnitOfWork) -> None:
    for old, new in ((5, -1), (6, 5), (-1, 6)):
        await renumber(uow, old, new)


async def swap_contents(uow: UnitOfWork) -> None:
    rows = (await uow.execute(select(*Columns).where(at(5, 6)))).mappings()
    first, second = sorted(rows, key=lambda row: row["sequence"])
    for here, there in ((first, second), (second, first)):
        values = {name: there[name] for name in ("type", "subject", "after", "target_id")}
        await uow.execute(update(AuditEntry).where(Columns.id == here["id"]).values(**values))


async def cut_tail(uow: UnitOfWork) -> None:
    await uow.execute(delete(AuditEntry).where(Columns.chain == "main", Columns.sequence >= 5))


class UndoneError(Exception):
    """Rolls an attack back."""


@pytest.mark.any_database
class TestTampering:
    async def test_al_01_the_first_bad_entry_of_the_table_is_named(
        self, world: World, admin: Actor
    ) -> None:
        await sealed(world)
        keys = await public_keys(admin)
        for attack in (
            edit, edit_values, remove, remove_and_close_ranks, insert_one, swap_numbers,
            swap_contents, cut_tail,
        ):  # fmt: skip
            with suppress(UndoneError):
                async with world.work("main") as uow:
                    await attack(uow)
                    found = await read_lines(
                        uow, issuer=ISSUER, account="main", after=None, limit=1_000
                    )
                    with flawed(5):
                        verified_lines(list(found.lines), keys)
                    raise UndoneError
        assert (await verified(admin)).last > 5

    async def test_al_01_a_tail_cut_with_all_its_traces_shows_against_the_copy(
        self, world: World, admin: Actor, tmp_path: Path
    ) -> None:
        await sealed(world)
        last = (await verified(admin)).last
        await add_group(world, "one-more")
        await sealed(world)
        async with shipping(world, tmp_path) as file:
            async with world.work("main") as uow:
                await uow.execute(delete(AuditEntry).where(Columns.sequence > last))
                gone = delete(AuditCheckpoint).where(AuditCheckpoint.sequence > last)
                await uow.execute(gone)
                await uow.execute(update(AuditChain).values(sequence=last))
            assert (await verified(admin)).last == last
            with flawed(last + 1):
                await verified(admin, kept=file)


@asynccontextmanager
async def shipping(world: World, directory: Path) -> AsyncIterator[Path]:
    """Copy checkpoints into a file."""
    file = directory / "kept" / "checkpoints.jsonl"
    file.parent.mkdir()
    audit = world.runtime.settings.audit.model_copy(update={"checkpoint_file": file})
    world.runtime.tools.settings = world.runtime.settings.model_copy(update={"audit": audit})
    await ship(world.runtime)
    yield file


@pytest.mark.any_database
class TestShipping:
    async def test_revocations_and_checkpoints_are_copied_once_and_in_their_order(
        self, world: World, admin: Actor, tmp_path: Path
    ) -> None:
        (alice,) = await create(admin, "alice")
        await sealed(world)
        async with shipping(world, tmp_path) as file:
            first = file.read_text()
            assert file.stat().st_mode & 0o777 == 0o600
            with file.open("a") as torn:
                torn.write('{"kind":"check')  # as a crash leaves it
            await admin.http.post("/v1/users/alice:disable")
            await sealed(world)
            assert await ship(world.runtime) == 1
            assert await ship(world.runtime) == 0
            lines = file.read_text().removeprefix(first).splitlines()
            told = [json.loads(line) for line in lines[1:]]
            assert [line["kind"] for line in told] == ["revocation", "checkpoint"]
            assert told[0]["target_id"] == alice["id"]
            assert told[0]["type"] == "iam.user.disabled.v1"
            assert "alice" not in file.read_text()
            log = await verified(admin, kept=file)
            assert log.last == told[0]["sequence"]

    async def test_what_was_written_and_not_marked_is_written_again(
        self, world: World, admin: Actor, tmp_path: Path
    ) -> None:
        await sealed(world)
        async with shipping(world, tmp_path) as file:
            async with world.work() as uow:
                await uow.execute(update(AuditCheckpoint).values(shipped_at=None))
            await ship(world.runtime)
            assert len(set(file.read_text().splitlines())) < len(file.read_text().splitlines())
            assert (await verified(admin, kept=file)).checkpoints == 1

    async def test_a_checkpoint_is_an_event_for_webhooks_and_in_no_log(
        self, world: World, admin: Actor
    ) -> None:
        await sealed(world)
        (jws,) = [line["jws"] for line in await exported(admin) if line["kind"] == "checkpoint"]
        async with world.work() as uow:
            kind = OutboxMessage.type == EventType.AUDIT_LOG_CHECKPOINTED
            messages = list(await uow.scalars(select(OutboxMessage).where(kind)))
        (message,) = [one for one in messages if one.account == "main"]
        assert message.payload["detail"]["jws"] == jws
        assert EventType.AUDIT_LOG_CHECKPOINTED not in {
            entry.type for entry in await world.events()
        }

    async def test_what_waits_is_measured(self, world: World, admin: Actor, tmp_path: Path) -> None:
        await sealed(world)
        await create(admin, "alice")
        async with shipping(world, tmp_path):
            assert await waits(world) == {"unsealed": 0.0, "unshipped": 0.0}
            await world.advance(timedelta(seconds=90))
            assert await waits(world) == {"unsealed": 90.0, "unshipped": 0.0}
            await sealed(world)
            await world.advance(timedelta(seconds=5))
            assert await waits(world) == {"unsealed": 0.0, "unshipped": 5.0}


async def waits(world: World) -> dict[str, float]:
    """How long entries and checkpoints wait, as the metrics tell it."""
    async with world.work() as uow:
        families = await measure(uow)
    return {each.name.split("_")[3]: each.samples[0][1] for each in families}


class TestRetention:
    async def test_al_02_what_is_too_old_goes_under_a_signed_tombstone(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, "alice")
        await sealed(world)
        old = (await verified(admin)).last
        await world.advance(timedelta(days=399))
        admin.http.headers["authorization"] = f"Bearer {await world.token_for(admin.id)}"
        await create(admin, "bob")
        await sealed(world)
        await world.run_job("prune-audit-log")
        assert (await verified(admin)).first == 1
        await world.advance(timedelta(days=2))
        admin.http.headers["authorization"] = f"Bearer {await world.token_for(admin.id)}"
        await world.run_job("prune-audit-log")
        await world.run_job("prune-audit-log")
        lines = await exported(admin)
        found = verified_lines(lines, await public_keys(admin))
        assert (found.first, found.last, found.checkpoints) == (old + 1, old + 1, 2)
        assert "alice" not in json.dumps(lines)
        assert all(entry.sequence != old for entry in await world.events())
        await add_group(world, "later")
        await sealed(world)
        assert (await verified(admin)).last == old + 2

    async def test_nothing_goes_before_it_is_copied_out(
        self, world: World, admin: Actor, tmp_path: Path
    ) -> None:
        async with shipping(world, tmp_path) as file:
            await sealed(world)
            await world.advance(timedelta(days=401))
            admin.http.headers["authorization"] = f"Bearer {await world.token_for(admin.id)}"
            await world.run_job("prune-audit-log")
            assert (await verified(admin)).first == 1
            await ship(world.runtime)
            await world.run_job("prune-audit-log")
            assert (await verified(admin, kept=file)).first > 1


class TestErasure:
    async def test_al_12_a_person_is_erased_and_the_seal_still_holds(
        self, world: World, admin: Actor, tmp_path: Path
    ) -> None:
        person = await world.actor(name="ana.costa", kind=User)
        await admin.http.patch(
            f"/v1/users/{person.id}", json={"display_name": "Ana Costa"}, headers={"If-Match": "*"}
        )
        await admin.http.post("/v1/groups", json={"name": "staff"})
        await admin.http.put("/v1/groups/staff/members/user/ana.costa")
        refused = {"User-Agent": "Costa-Browser"}
        assert (await person.http.get("/v1/users", headers=refused)).status_code == 403
        body = {"principal": person.id}
        living = await admin.http.post("/v1/audit-log:erase", json=body)
        assert (living.status_code, living.json()["code"]) == (409, "principal_exists")
        gone = await admin.http.delete(f"/v1/users/{person.id}", headers={"If-Match": "*"})
        assert gone.status_code == 204, gone.text
        early = await admin.http.post("/v1/audit-log:erase", json=body)
        assert (early.status_code, early.json()["code"]) == (409, "audit_log_unsealed")
        await sealed(world)
        async with shipping(world, tmp_path) as file:
            before = await verified(admin)
            told = json.dumps(await exported(admin))
            assert "ana.costa" in told
            assert "Costa-Browser" in told or "costa" in told
            erased = await admin.http.post("/v1/audit-log:erase", json=body)
            assert erased.status_code == 200, erased.text
            after = await verified(admin, kept=file)
            assert (after.last, after.erased) == (before.last, erased.json()["entries"])
            lines = await exported(admin)
            entries = (await admin.http.get("/v1/audit-events?limit=100")).json()["items"]
            for text in (json.dumps(lines), json.dumps(entries)):
                assert "costa" not in text.lower()
            (made,) = [
                one for one in entries
                if one["target_id"] == person.id and one["type"] == "iam.user.created.v1"
            ]  # fmt: skip
            assert (made["is_erased"], made["after"]) == (True, None)
            assert made["subject"] == f"arn:iam:iam::main:user/{person.id}"
            assert made["actor_id"] == "root"
            again = await admin.http.post("/v1/audit-log:erase", json=body)
            assert again.json()["code"] == "audit_log_unsealed"  # the event of the first time
            await sealed(world)
            assert (await verified(admin, kept=file)).erased == after.erased

    @pytest.mark.any_database
    async def test_whom_the_log_does_not_know_it_cannot_forget(self, admin: Actor) -> None:
        for unknown in ("usr_01kjpstsx0e8qa3cjrr1kh0abd", "evt_x", "alice"):
            answer = await admin.http.post("/v1/audit-log:erase", json={"principal": unknown})
            assert answer.status_code == 404


class TestManyWriters:
    async def test_al_10_no_gap_and_no_number_twice(
        self, world: World, admin: Actor, database_url: str, tmp_path: Path
    ) -> None:
        await self.race(world, admin, database_url, tmp_path, changes=3)

    @pytest.mark.long
    async def test_al_10_no_gap_and_no_number_twice_for_a_minute(
        self, world: World, admin: Actor, database_url: str, tmp_path: Path
    ) -> None:
        await self.race(world, admin, database_url, tmp_path, changes=200)

    @staticmethod
    async def race(
        world: World, admin: Actor, database_url: str, directory: Path, *, changes: int
    ) -> None:
        """16 writers on three replicas, all of which would like to seal; SQLite has but one."""
        async with AsyncExitStack() as stack:
            replicas = [world]
            while not world.runtime.database.is_sqlite and len(replicas) < 3:
                other = open_world(database_url, directory)
                replicas.append(await stack.enter_async_context(other))
            is_over = asyncio.Event()

            async def write(writer: int) -> None:
                for number in range(changes):
                    await add_group(replicas[writer % len(replicas)], f"group-{writer}-{number}")

            async def keep_sealing(replica: World) -> None:
                while not is_over.is_set():
                    await seal(replica.runtime)
                    await asyncio.sleep(0.01)

            sealing = [asyncio.create_task(keep_sealing(replica)) for replica in replicas]
            await asyncio.gather(*(write(writer) for writer in range(16)))
            is_over.set()
            await asyncio.gather(*sealing)
        await sealed(world)
        found = await verified(admin)
        numbers = sorted(entry.sequence or 0 for entry in await world.events())
        assert numbers[numbers.index(1) :] == list(range(1, found.last + 1))
        assert found.last > 16 * changes


async def test_al_08_what_cannot_be_written_to_the_log_does_not_happen(
    world: World, admin: Actor, database_kind: str
) -> None:
    await create(admin, "before")
    with capture_logs() as logs:
        await refuse_when_full(world, admin, database_kind)
    assert "database_unwritable" in {line["event"] for line in logs}
    await create(admin, "after")
    async with world.work("main") as uow:
        users = len(list(await uow.scalars(select(User.id))))
        told = select(AuditEntry.id).where(AuditEntry.type == "iam.user.created.v1")
        assert users == len(list(await uow.scalars(told)))


async def refuse_when_full(world: World, admin: Actor, kind: str) -> None:
    """Fill the disk, and go on until the first change is refused."""
    async with unwritable(world, kind):
        refused = 0
        for number in range(400):
            answer = await admin.http.post("/v1/users", json={"name": f"user-{number}"})
            assert answer.status_code in {201, 503}, answer.text
            if answer.status_code == 503:
                assert answer.json()["code"] == "database_unavailable"
                refused += 1
                break
        assert refused


@asynccontextmanager
async def unwritable(world: World, kind: str) -> AsyncIterator[None]:
    """A database whose disk is full: SQLite's, or that of PostgreSQL's audit log."""
    database = world.runtime.database
    if kind == "sqlite":
        async with database.connect(writes=True) as connection:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
            await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        yield
        async with database.connect(writes=True) as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
        return
    raising = (
        "CREATE FUNCTION disk_full() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'disk full'"
        " USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql"
    )
    trigger = (
        "CREATE TRIGGER full_disk BEFORE INSERT ON audit_entries"
        " FOR EACH ROW EXECUTE FUNCTION disk_full()"
    )
    for statements in ((raising, trigger), ("DROP FUNCTION disk_full CASCADE",)):
        async with database.connect(writes=True) as connection, connection.begin():
            for statement in statements:
                await connection.exec_driver_sql(statement)
        if statements[0] is raising:
            yield


@pytest.mark.any_database
async def test_the_pump_seals_and_copies_what_waits_without_being_asked(
    world: World, admin: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SEALED_AFTER", 1)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    async with shipping(world, tmp_path) as file:
        pump = asyncio.create_task(jobs.keep_sealed(world.runtime))
        try:
            async with asyncio.timeout(PATIENCE):
                await shipped(admin, file, 1)
                await create(admin, "alice")
                await shipped(admin, file, 2)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        assert (await verified(admin, kept=file)).checkpoints >= 2


async def shipped(admin: Actor, file: Path, count: int) -> None:
    """Wait until so many checkpoints of `main` are there, and anything is in the file."""
    while not has_lines(file) or (await verified(admin)).checkpoints < count:  # noqa: ASYNC110 -- the pump tells nobody
        await asyncio.sleep(0.01)


def has_lines(file: Path) -> bool:
    return file.exists() and bool(file.read_text())


@pytest.mark.any_database
async def test_the_lines_of_a_log_say_whose_it_is(world: World, admin: Actor) -> None:
    async with world.work("main") as uow:
        found = await read_lines(uow, issuer=ISSUER, account="nobody", after=None, limit=1)
    assert found.lines[0]["chain"] == "nobody"
    with pytest.raises(LogFlawError):
        verified_lines([], await public_keys(admin))
