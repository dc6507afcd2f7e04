"""The unit of work: what is kept, what is not, and that nothing changes unrecorded."""

import pytest
from sqlalchemy import delete, select, update

from iam.errors import ErrorKind, IamError, conflict
from iam.journal.events import EventType
from iam.journal.write import UnrecordedChangeError
from iam.kit.ids import IdKind, new_id
from iam.models import AuditEntry, Change, Group, OneTimeId, OutboxMessage
from iam.work import Caller, UnitOfWork
from tests.world import World

pytestmark = pytest.mark.anyio

ROOT = Caller.root(account="main", partition="iam", request_id="r-1")


def group(uow: UnitOfWork, name: str = "team") -> Group:
    row = Group(
        id=new_id(IdKind.GROUP, uow.now),
        account="main",
        name=name,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(row)
    return row


async def names(world: World) -> set[str]:
    async with world.work() as uow:
        return set((await uow.scalars(select(Group.name))).all())


async def count(world: World, model: type[AuditEntry | OutboxMessage]) -> int:
    async with world.work() as uow:
        return len((await uow.scalars(select(model.id))).all())


class TestCommit:
    async def test_a_change_its_event_and_its_outbox_row_are_committed_together(
        self, world: World
    ) -> None:
        async with world.work() as uow:
            row = group(uow)
            uow.emit(EventType.GROUP_CREATED, row, reason="because")
        async with world.work() as uow:
            entry = await uow.scalar(select(AuditEntry).where(AuditEntry.target_id == row.id))
            message = await uow.get(OutboxMessage, entry.id)
            changed = await uow.scalar(select(Change).where(Change.entity_id == row.id))
        assert entry.actor == "arn:iam:iam::main:root"
        assert entry.detail == {"reason": "because"}
        assert entry.after["name"] == "team"
        assert message is not None
        assert message.payload["after"] == entry.after
        assert changed.account == "main"

    async def test_al_04_a_raise_keeps_nothing_and_tells_nothing(self, world: World) -> None:
        before = await count(world, AuditEntry)
        with pytest.raises(ZeroDivisionError):
            async with world.work() as uow:
                uow.emit(EventType.GROUP_CREATED, group(uow))
                await uow.flush()
                raise ZeroDivisionError
        assert await names(world) == set()
        assert await count(world, AuditEntry) == before

    async def test_a_unit_that_only_reads_refuses_to_write(self, world: World) -> None:
        with pytest.raises(RuntimeError, match="only reads"):
            async with world.runtime.begin(ROOT, read_only=True) as uow:
                uow.emit(EventType.GROUP_CREATED, group(uow))
        assert await names(world) == set()


class TestSteps:
    async def test_each_step_of_a_unit_of_work_is_a_change_of_its_own(self, world: World) -> None:
        async with world.work() as uow:
            row = group(uow)
            uow.emit(EventType.GROUP_CREATED, row)
            await uow.end_step()
            row.description = "second thoughts"
            uow.emit(EventType.GROUP_UPDATED, row)
            await uow.flush()
            assert [event.type for event in uow.all_events] == [
                EventType.GROUP_CREATED,
                EventType.GROUP_UPDATED,
            ]
            assert len(uow.all_changes) == 2
        async with world.work() as uow:
            query = select(AuditEntry).where(AuditEntry.target_id == row.id)
            created, updated = (await uow.scalars(query.order_by(AuditEntry.id))).all()
        assert (created.type, updated.type) == (EventType.GROUP_CREATED, EventType.GROUP_UPDATED)
        assert "description" not in created.after or created.after["description"] == ""
        assert updated.after == {"description": "second thoughts"}

    async def test_what_a_step_has_told_is_not_kept_when_a_later_one_fails(
        self, world: World
    ) -> None:
        before = await count(world, AuditEntry)
        with pytest.raises(ZeroDivisionError):
            async with world.work() as uow:
                uow.emit(EventType.GROUP_CREATED, group(uow))
                await uow.end_step()
                raise ZeroDivisionError
        assert await names(world) == set()
        assert await count(world, AuditEntry) == before


class TestTripwire:
    async def test_a_change_without_an_event_is_refused(self, world: World) -> None:
        with pytest.raises(UnrecordedChangeError, match="groups"):
            async with world.work() as uow:
                group(uow)
        assert await names(world) == set()

    async def test_a_change_with_two_events_is_refused(self, world: World) -> None:
        with pytest.raises(UnrecordedChangeError, match="2 events"):
            async with world.work() as uow:
                row = group(uow)
                uow.emit(EventType.GROUP_CREATED, row)
                uow.emit(EventType.GROUP_UPDATED, row)
        assert await names(world) == set()

    async def test_an_update_and_a_delete_need_an_event_too(self, world: World) -> None:
        async with world.work() as uow:
            row = group(uow)
            uow.emit(EventType.GROUP_CREATED, row)
        with pytest.raises(UnrecordedChangeError):
            async with world.work() as uow:
                found = await uow.get(Group, row.id)
                assert found is not None
                found.description = "changed"
        with pytest.raises(UnrecordedChangeError):
            async with world.work() as uow:
                found = await uow.get(Group, row.id)
                assert found is not None
                await uow.delete(found)
        assert await names(world) == {"team"}

    async def test_bulk_statements_on_audited_tables_are_refused(self, world: World) -> None:
        async with world.work() as uow:
            for statement in (update(Group).values(description="x"), delete(Group)):
                with pytest.raises(RuntimeError, match="audited"):
                    await uow.execute(statement)
            await uow.execute(delete(OneTimeId))

    async def test_what_is_made_and_unmade_at_once_is_no_change(self, world: World) -> None:
        async with world.work() as uow:
            row = group(uow)
            await uow.flush()
            await uow.delete(row)
        assert await names(world) == set()


class TestSavepoint:
    async def test_a_rolled_back_part_leaves_neither_change_nor_event(self, world: World) -> None:
        async with world.work() as uow:
            kept = group(uow, "kept")
            uow.emit(EventType.GROUP_CREATED, kept)
            with pytest.raises(ZeroDivisionError):
                async with uow.savepoint():
                    uow.emit(EventType.GROUP_CREATED, group(uow, "lost"))
                    await uow.flush()
                    raise ZeroDivisionError
        assert await names(world) == {"kept"}

    async def test_a_kept_part_still_needs_its_event(self, world: World) -> None:
        with pytest.raises(UnrecordedChangeError):
            async with world.work() as uow, uow.savepoint():
                group(uow)
        assert await names(world) == set()

    async def test_a_broken_constraint_inside_spares_the_rest(self, world: World) -> None:
        taken = conflict("name_taken", "taken")
        async with world.work() as uow:
            row = group(uow)
            uow.emit(EventType.GROUP_CREATED, row)
            with pytest.raises(IamError) as caught:
                async with uow.savepoint():
                    double = Group(
                        id=new_id(IdKind.GROUP, uow.now),
                        account="main",
                        name="TEAM",
                        created_at=uow.now,
                        updated_at=uow.now,
                    )
                    await uow.insert(double, taken=taken)
        assert caught.value is taken
        assert await names(world) == {"team"}


class TestConflicts:
    async def test_an_unexpected_constraint_is_a_conflict_not_a_failure(self, world: World) -> None:
        with pytest.raises(IamError) as caught:
            async with world.work() as uow:
                for name in ("team", "Team"):
                    uow.emit(EventType.GROUP_CREATED, group(uow, name))
        assert caught.value.kind is ErrorKind.CONFLICT

    @pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # SQLite: one writer
    async def test_rc_two_writers_of_one_row_cannot_both_win(self, world: World) -> None:
        async with world.work() as uow:
            row = group(uow)
            uow.emit(EventType.GROUP_CREATED, row)
        with pytest.raises(IamError) as caught:
            async with world.work() as first:
                mine = await first.get(Group, row.id)
                async with world.work() as second:
                    theirs = await second.get(Group, row.id)
                    assert theirs is not None
                    theirs.description = "theirs"
                    second.emit(EventType.GROUP_UPDATED, theirs)
                assert mine is not None
                mine.description = "mine"
                first.emit(EventType.GROUP_UPDATED, mine)
        assert caught.value.code == "changed_meanwhile"
