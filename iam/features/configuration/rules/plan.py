"""A plan: the steps, who gains and loses what by them, and what stands for all of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from iam.errors import IamError, invalid
from iam.features.configuration.rules.defects import raise_defects
from iam.features.configuration.rules.effects import Effect, Effects
from iam.features.configuration.rules.grants import Movement
from iam.features.configuration.rules.planning import Step, plan_hash, steps_between
from iam.features.configuration.rules.reading import Reading
from iam.features.configuration.rules.resolving import wanted_state
from iam.features.configuration.rules.scene import Scene
from iam.features.configuration.rules.shapes import Item, Key, State
from iam.features.configuration.rules.widening import find_movements

MOST_MOVEMENTS: Final = 5_000
"""Statements that come or go by one plan, for all who hold them: as many take seconds to tell."""
EXAMINED: Final = 1_000
"""For so many of them a request is looked for that shows it: that takes seconds, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a document changes.

    Attributes:
        name: The configuration.
        before: The account as it is.
        after: The account as it is wanted.
        steps: What leads from the one to the other.
        effects: Who gains and loses what.
        described: What the document describes.
        adopted: What is there already, and is managed by the configuration from now on.
        hash: Stands for the whole plan.
    """

    name: str
    before: State
    after: State
    steps: tuple[Step, ...]
    effects: tuple[Effect, ...]
    described: tuple[Key, ...]
    adopted: tuple[Item, ...]
    hash: str

    @property
    def widens(self) -> bool:
        """Whether anybody may gain by it."""
        return any(effect.movement.gains for effect in self.effects)


class Planning:
    """Makes a plan, piece by piece: who calls it may let others have their turn in between."""

    def __init__(self, reading: Reading, before: State, *, prunes: bool, now: datetime) -> None:
        self._reading = reading
        self._before = before
        self._after = wanted_state(reading, before, prunes=prunes)
        raise_defects(reading.found)
        self._steps = steps_between(before, self._after)
        self._prunes = prunes
        self._now = now

    def effects(self) -> Iterator[Effect | None]:
        """Who gains and loses what; the gains come first. At `None` it is still looking.

        Raises `invalid` when that is more than anybody can read.
        """
        if not self._steps:
            return
        before, after = Scene(self._before, now=self._now), Scene(self._after, now=self._now)
        effects = Effects(before, after)
        moved: list[Movement] = []
        for found in find_movements(before, after):
            yield None
            moved += [] if found is None else [found]
            if len(moved) > MOST_MOVEMENTS:
                raise _too_large()
        for told, movement in enumerate(sorted(moved, key=lambda one: not one.gains)):
            effect = effects.of(movement, examines=told < EXAMINED)
            if not effect.is_vain:
                yield effect

    def plan(self, effects: Iterable[Effect | None]) -> Plan:
        """The plan, with these effects."""
        told = plan_hash(
            self._reading.name, self._before, self._steps, extra={"prunes": self._prunes}
        )
        adopted = (self._before.items.get(key) for key in self._reading.wanted)
        return Plan(
            name=self._reading.name,
            before=self._before,
            after=self._after,
            steps=self._steps,
            effects=tuple(filter(None, effects)),
            described=tuple(self._reading.wanted),
            adopted=tuple(
                item for item in adopted if item is not None and item.key not in self._before.owners
            ),
            hash=told,
        )


def _too_large() -> IamError:
    message = (
        f"more than {MOST_MOVEMENTS} statements come or go by it, counted for each who holds them: "
        "apply it in parts, or give policies to groups"
    )
    return invalid("plan_too_large", message)
