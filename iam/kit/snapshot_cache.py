"""A cache of read models, filled on demand and dropped when what they were read from changes.

A value is kept with the ids of all entities it was read from, and any one of them drops it. The
difficult case is a change while a value is being loaded: the loader may have read the old state.
Such a value is not kept and nobody gets it: it is loaded again; and nobody joins a load that began
before the last change. So whoever asks after a change was announced never sees the state before it.

For one event loop; nothing here is thread-safe, or needs to be.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from iam.errors import unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MAX_LOADS = 10


class _Flight(Generic[V]):
    """One load under way, which all who ask for its key await together."""

    def __init__(self) -> None:
        self.task: asyncio.Task[V | None]
        self.changed: set[str] = set()
        self.overtaken = False


class SnapshotCache(Generic[K, V]):
    """Values by key, at most ``max_items`` of them, the least recently used dropped first.

    Args:
        load: Reads the value of a key and the ids of everything it depends on; None if there is no
            such thing, which is never kept, so that what comes to be is seen at once.
        max_items: How many values to keep; at least 1.
        name: What metrics call it.

    Attributes:
        loads: How many loads were begun; whatever else was asked for was kept already.
        drops: How many values were dropped, because of a change or for want of room.
    """

    def __init__(
        self,
        load: Callable[[K], Awaitable[tuple[V, frozenset[str]] | None]],
        *,
        max_items: int,
        name: str = "",
    ) -> None:
        if max_items < 1:
            raise ValueError("expected room for one item at least")
        self._load = load
        self.name = name
        self.loads = 0
        self.drops = 0
        self._max_items = max_items
        self._values: OrderedDict[K, V] = OrderedDict()
        self._is_crowded = False  # the order counts only when room may run out
        self._dependencies: dict[K, frozenset[str]] = {}
        self._dependents: dict[str, set[K]] = {}
        self._joinable: dict[K, _Flight[V]] = {}
        self._flying: set[_Flight[V]] = set()

    def __len__(self) -> int:
        return len(self._values)

    def peek(self, key: K) -> V | None:
        """The kept value, if there is one; the hot path."""
        value = self._values.get(key)
        if self._is_crowded and value is not None:
            self._values.move_to_end(key)
        return value

    async def get(self, key: K) -> V | None:
        """The kept value, or a newly loaded one; None if there is no such thing.

        However many ask at once, one load runs. What ``load`` raises, all of them see, and the next
        one tries anew. Raises ``IamError`` (unavailable, ``snapshot_unsettled``) if the thing
        changes faster than it can be read.
        """
        for _ in range(_MAX_LOADS):
            value = self.peek(key)
            if value is not None:
                return value
            flight = self._joinable.get(key) or self._depart(key)
            # A caller that goes away must not take the flight of the others with it.
            value = await asyncio.shield(flight.task)
            if not flight.overtaken:
                return value
        raise unavailable("snapshot_unsettled", "the state changes faster than it can be read")

    def invalidate(self, entity_id: str) -> None:
        """Drop every value that depends on the entity, and the loads under way that will."""
        for key in tuple(self._dependents.get(entity_id, ())):
            self._drop(key)
        for flight in self._flying:
            flight.changed.add(entity_id)
        self._joinable.clear()

    def clear(self) -> None:
        """Drop everything, as if all entities had changed."""
        self.drops += len(self._values)
        self._values.clear()
        self._dependencies.clear()
        self._dependents.clear()
        for flight in self._flying:
            flight.overtaken = True
        self._joinable.clear()

    def _depart(self, key: K) -> _Flight[V]:
        flight = _Flight[V]()
        self.loads += 1
        self._flying.add(flight)
        self._joinable[key] = flight
        flight.task = asyncio.create_task(self._fly(key, flight))
        flight.task.add_done_callback(_mark_retrieved)
        return flight

    async def _fly(self, key: K, flight: _Flight[V]) -> V | None:
        try:
            loaded = await self._load(key)
        finally:
            self._flying.discard(flight)
            if self._joinable.get(key) is flight:
                del self._joinable[key]
        if loaded is None:
            return None
        value, dependencies = loaded
        if not flight.changed.isdisjoint(dependencies):
            flight.overtaken = True
        if not flight.overtaken:
            self._keep(key, value, dependencies)
        return value

    def _keep(self, key: K, value: V, dependencies: frozenset[str]) -> None:
        if key in self._values:
            self._drop(key)
        elif len(self._values) >= self._max_items:
            self._drop(next(iter(self._values)))
        self._values[key] = value
        self._is_crowded = 2 * len(self._values) >= self._max_items
        self._dependencies[key] = dependencies
        for entity_id in dependencies:
            self._dependents.setdefault(entity_id, set()).add(key)

    def _drop(self, key: K) -> None:
        del self._values[key]
        self.drops += 1
        for entity_id in self._dependencies.pop(key):
            keys = self._dependents[entity_id]
            keys.discard(key)
            if not keys:
                del self._dependents[entity_id]


def _mark_retrieved(task: "asyncio.Task[V | None]") -> None:
    # If every caller has gone away, nobody is left to hear of a failure, and asyncio would log it.
    if not task.cancelled():
        task.exception()
