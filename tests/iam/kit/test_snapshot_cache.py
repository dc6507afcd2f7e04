import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam.errors import ErrorKind, IamError
from iam.kit.snapshot_cache import SnapshotCache

pytestmark = pytest.mark.anyio

Loaded = tuple[int, frozenset[str]] | None


@dataclass
class Database:
    """Versions of entities; a value is the version of the entity named by its key."""

    versions: dict[str, int] = field(default_factory=dict)
    loads: int = 0
    after_read: Callable[[], Awaitable[None]] | None = None

    async def load(self, key: str) -> Loaded:
        self.loads += 1
        version = self.versions.get(key)
        if self.after_read is not None:
            await self.after_read()
        return None if version is None else (version, frozenset({key}))


async def test_a_value_is_loaded_once_and_then_peeked() -> None:
    database = Database({"usr_1": 7})
    cache = SnapshotCache(database.load, max_items=10)

    assert cache.peek("usr_1") is None
    assert await cache.get("usr_1") == 7
    assert await cache.get("usr_1") == 7
    assert cache.peek("usr_1") == 7
    assert database.loads == 1


async def test_what_does_not_exist_is_not_kept() -> None:
    database = Database()
    cache = SnapshotCache(database.load, max_items=10)

    assert await cache.get("usr_1") is None
    database.versions["usr_1"] = 1

    assert await cache.get("usr_1") == 1


async def test_a_false_value_is_a_value() -> None:
    database = Database({"usr_1": 0})
    cache = SnapshotCache(database.load, max_items=10)

    assert [await cache.get("usr_1"), await cache.get("usr_1")] == [0, 0]
    assert database.loads == 1


async def test_an_invalidated_entity_drops_all_that_depends_on_it_and_nothing_else() -> None:
    async def load(key: str) -> Loaded:
        return 1, frozenset({key, "grp_odd" if key in {"a", "c"} else "grp_even"})

    cache = SnapshotCache(load, max_items=10)
    for key in "abc":
        await cache.get(key)

    cache.invalidate("grp_odd")

    assert [cache.peek(key) for key in "abc"] == [None, 1, None]


async def test_clear_drops_everything() -> None:
    cache = SnapshotCache(Database({"a": 1, "b": 1}).load, max_items=10)
    await cache.get("a")
    await cache.get("b")

    cache.clear()

    assert (len(cache), cache.peek("a"), cache.peek("b")) == (0, None, None)


async def test_the_least_recently_used_value_makes_room() -> None:
    cache = SnapshotCache(Database(dict.fromkeys("abc", 1)).load, max_items=2)
    await cache.get("a")
    await cache.get("b")
    cache.peek("a")

    await cache.get("c")

    assert [cache.peek(key) for key in "abc"] == [1, None, 1]


async def test_however_many_ask_at_once_one_load_runs() -> None:
    database = Database({"usr_1": 1}, after_read=lambda: asyncio.sleep(0))
    cache = SnapshotCache(database.load, max_items=10)

    assert await asyncio.gather(*(cache.get("usr_1") for _ in range(50))) == [1] * 50
    assert database.loads == 1


async def test_rc_15_a_value_overtaken_by_a_change_is_loaded_again_for_all_who_wait() -> None:
    database = Database({"usr_1": 1})
    cache = SnapshotCache(database.load, max_items=10)

    async def change_once() -> None:
        await asyncio.sleep(0)
        if database.versions["usr_1"] == 1:
            database.versions["usr_1"] = 2
            cache.invalidate("usr_1")

    database.after_read = change_once

    assert await asyncio.gather(*(cache.get("usr_1") for _ in range(5))) == [2] * 5
    assert cache.peek("usr_1") == 2
    assert database.loads == 2


async def test_rc_15_clearing_overtakes_every_load_under_way() -> None:
    database = Database({"usr_1": 1})
    cache = SnapshotCache(database.load, max_items=10)

    async def clear_once() -> None:
        if database.versions["usr_1"] == 1:
            database.versions["usr_1"] = 2
            cache.clear()

    database.after_read = clear_once

    assert await cache.get("usr_1") == 2


async def test_rc_15_nobody_joins_a_load_that_began_before_the_last_change() -> None:
    database = Database()
    cache = SnapshotCache(database.load, max_items=10)
    read, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        read.set()
        await go_on.wait()

    database.after_read = pause
    early = asyncio.create_task(cache.get("usr_1"))
    await read.wait()
    database.versions["usr_1"] = 1  # created while the first load has already seen nothing
    cache.invalidate("usr_1")
    late = asyncio.create_task(cache.get("usr_1"))
    await asyncio.sleep(0)
    go_on.set()

    assert await late == 1
    assert await early is None  # true at a moment of its call


async def test_rc_15_a_change_of_something_else_does_not_disturb_a_load() -> None:
    database = Database({"usr_1": 1})
    cache = SnapshotCache(database.load, max_items=10)

    async def change_another() -> None:
        cache.invalidate("usr_2")
        await asyncio.sleep(0)

    database.after_read = change_another

    assert await cache.get("usr_1") == 1
    assert (cache.peek("usr_1"), database.loads) == (1, 1)


async def test_what_changes_faster_than_it_can_be_read_is_unavailable() -> None:
    database = Database({"usr_1": 1})
    cache = SnapshotCache(database.load, max_items=10)

    async def change() -> None:
        cache.invalidate("usr_1")
        await asyncio.sleep(0)

    database.after_read = change

    with pytest.raises(IamError) as refusal:
        await cache.get("usr_1")

    error = refusal.value
    assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "snapshot_unsettled")
    assert len(cache) == 0


async def test_a_failed_load_is_seen_by_all_who_wait_and_then_tried_anew() -> None:
    database = Database({"usr_1": 1})
    cache = SnapshotCache(database.load, max_items=10)

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ConnectionError

    database.after_read = fail
    outcomes = await asyncio.gather(*(cache.get("usr_1") for _ in range(3)), return_exceptions=True)
    database.after_read = None

    assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
    assert await cache.get("usr_1") == 1
    assert database.loads == 2


async def test_a_caller_that_goes_away_leaves_the_load_to_the_others() -> None:
    database = Database({"usr_1": 1}, after_read=lambda: asyncio.sleep(0.01))
    cache = SnapshotCache(database.load, max_items=10)
    first = asyncio.create_task(cache.get("usr_1"))
    second = asyncio.create_task(cache.get("usr_1"))
    await asyncio.sleep(0)

    first.cancel()

    assert await second == 1
    assert first.cancelled()
    assert database.loads == 1


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        SnapshotCache(Database().load, max_items=0)


NEIGHBOUR = {"a": "b", "b": "c", "c": "d", "d": "a"}


class World:
    """Entities whose versions only rise, and a cache of pairs of them.

    A pair is read in two steps with a pause between, so a load can be torn by a change.
    """

    def __init__(self, max_items: int) -> None:
        self.max_items = max_items
        self.versions = dict.fromkeys(NEIGHBOUR, 1)
        self.clock = 1
        self.cache = SnapshotCache(self.load, max_items=max_items)
        self.questions: list[asyncio.Task[None]] = []

    def pair(self, key: str) -> tuple[int, int]:
        return self.versions.get(key, 0), self.versions.get(NEIGHBOUR[key], 0)

    async def load(self, key: str) -> tuple[tuple[int, int], frozenset[str]] | None:
        first = self.versions.get(key)
        await asyncio.sleep(0)
        second = self.versions.get(NEIGHBOUR[key], 0)
        await asyncio.sleep(0)
        return None if first is None else ((first, second), frozenset({key, NEIGHBOUR[key]}))

    async def judge(self, key: str) -> None:
        before = self.pair(key)
        answer = await self.cache.get(key)
        if answer is not None:
            assert answer[0] >= before[0]
            assert answer[1] >= before[1] or NEIGHBOUR[key] not in self.versions

    def ask(self, key: str) -> None:
        self.questions.append(asyncio.create_task(self.judge(key)))

    def change(self, entity: str) -> None:
        self.clock += 1
        self.versions[entity] = self.clock
        self.cache.invalidate(entity)

    def delete(self, entity: str) -> None:
        self.versions.pop(entity, None)
        self.cache.invalidate(entity)

    def clear(self, _entity: str) -> None:
        self.cache.clear()

    def pause(self, _entity: str) -> None:
        """Let loads go on, and nothing else."""

    def check(self) -> None:
        """Every kept value is the present one, and the reverse index is the index reversed."""
        dependencies, dependents = self.cache._dependencies, self.cache._dependents
        assert len(self.cache) <= self.max_items
        assert all(value == self.pair(key) for key, value in self.cache._values.items())
        assert dependencies.keys() == self.cache._values.keys()
        assert {(e, key) for key, entities in dependencies.items() for e in entities} == {
            (e, key) for e, keys in dependents.items() for key in keys
        }
        assert all(dependents.values())


STEPS = st.tuples(
    st.sampled_from([World.ask, World.ask, World.change, World.delete, World.clear, World.pause]),
    st.sampled_from(list(NEIGHBOUR)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=60), st.integers(1, 4))
def test_rc_15_no_interleaving_shows_or_keeps_a_state_older_than_the_question(
    steps: list[tuple[Callable[[World, str], None], str]], max_items: int
) -> None:
    async def run() -> None:
        world = World(max_items)
        for step, entity in steps:
            step(world, entity)
            await asyncio.sleep(0)
            world.check()
        await asyncio.gather(*world.questions)
        world.check()
        assert not world.cache._flying
        assert not world.cache._joinable

    asyncio.run(run())
