"""A plan: the steps, who gains and loses what by them, and what stands for all of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from iam.features.configuration.rules.defects import raise_defects
from iam.features.configuration.rules.effects import Effect, Effects
from iam.features.configuration.rules.planning import Step, plan_hash, steps_between
from iam.features.configuration.rules.reading import Reading
from iam.features.configuration.rules.resolving import wanted_state
from iam.features.configuration.rules.scene import Scene
from iam.features.configuration.rules.shapes import Item, Key, State
from iam.features.configuration.rules.widening import find_movements


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

    def effects(self) -> Iterator[Effect]:
        """Who gains and loses what; the gains come first."""
        if not self._steps:
            return
        before, after = Scene(self._before, now=self._now), Scene(self._after, now=self._now)
        effects = Effects(before, after)
        moved = sorted(find_movements(before, after), key=lambda one: not one.gains)
        for movement in moved:
            effect = effects.of(movement)
            if not effect.is_vain:
                yield effect

    def plan(self, effects: tuple[Effect, ...]) -> Plan:
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
            effects=effects,
            described=tuple(self._reading.wanted),
            adopted=tuple(
                item for item in adopted if item is not None and item.key not in self._before.owners
            ),
            hash=told,
        )
