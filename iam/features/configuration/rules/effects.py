"""For whom a statement that moves makes a difference, with a request that shows it.

The engine decides each request by the state before and by the one after. An example is only told
when the two answers differ as they should; where none was found, other policies already say the
same, or still stand in the way, and that is told instead.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Final

from iam.authz.overlaps import overlap
from iam.features.access.rules import Verdict
from iam.features.configuration.rules.grants import Held, Layer, Movement
from iam.features.configuration.rules.requests import Asked, Requests
from iam.features.configuration.rules.scene import Scene, principals_of
from iam.features.configuration.rules.shapes import Item, Key, Kind
from iam_policy import Principal
from iam_policy.compile import CompiledStatement
from iam_policy.principals import Naming

_PRINCIPALS_TRIED: Final = 5
_STATEMENTS_TRIED: Final = 4
_RANKS: Final = {None: 0, Verdict.CONDITIONAL: 1, Verdict.ALLOWED: 2}
_ASSUME: Final = "sts:AssumeRole"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that is decided otherwise afterwards."""

    principal: str
    action: str
    resource: str
    before: str
    after: str

    def as_dict(self) -> dict[str, str]:
        """The same by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Effect:
    """A movement, whom it concerns, and an example if there is one.

    Attributes:
        movement: What moves.
        concerned: How many principals of the account it concerns.
        example: A request that shows it; `None` where nothing was found that differs.
        is_of_new: Whether all whom it concerns are made by the same plan.
        is_examined: Whether an example was looked for.
    """

    movement: Movement
    concerned: int
    example: Example | None
    is_of_new: bool = False
    is_examined: bool = True

    @property
    def is_vain(self) -> bool:
        """Whether it takes from those who are new what they never had."""
        return not self.movement.gains and self.is_of_new and self.example is None


class Effects:
    """Finds examples, by what is decided before and after."""

    def __init__(self, before: Scene, after: Scene) -> None:
        self._before = before
        self._after = after
        self._requests = Requests(after.state)

    def of(self, movement: Movement, *, examines: bool = True) -> Effect:
        """What a movement does; an example is only looked for if asked to."""
        concerned = self._concerned(movement)
        tried = (
            self._example(movement, item, asked)
            for item in concerned[: _PRINCIPALS_TRIED if examines else 0]
            for asked in self._asked(movement, item)
        )
        is_of_new = movement.layer is Layer.IDENTITY and not any(
            item.key in self._before.state.items for item in concerned
        )
        example = next(filter(None, tried), None)
        return Effect(movement, len(concerned), example, is_of_new, is_examined=examines)

    def _example(self, movement: Movement, item: Item, asked: Asked) -> Example | None:
        before = self._before.verdict(item, *asked)
        after = self._after.verdict(item, *asked)
        rises = _RANKS[after] - _RANKS[before]
        if rises * (1 if movement.gains else -1) <= 0:
            return None
        return Example(str(item), asked.action, asked.resource, _word(before), _word(after))

    def _concerned(self, movement: Movement) -> list[Item]:
        """The principals whom it is about; those that are there on the side it speaks of first."""
        scene = self._after if movement.gains else self._before
        if movement.layer in {Layer.TRUST, Layer.RESOURCE} and movement.held is not None:
            named = movement.held.statement
            return [one for one in principals_of(scene.state) if _is_named(scene, named, one)]
        if movement.layer is Layer.GUARDRAIL:
            reached = {"installation", f"account/{scene.state.account}"}
            is_ours = movement.subject.rpartition(" ")[2] in reached
            return list(principals_of(scene.state)) if is_ours else []
        key = _key(movement.subject)
        if key not in scene.state.items:  # a Deny that comes with who is new
            scene = self._after if scene is self._before else self._before
        item = scene.state.items[key]
        if item.kind is Kind.POLICY:
            return []
        return list(scene.members(item)) if item.kind is Kind.GROUP else [item]

    def _asked(self, movement: Movement, item: Item) -> Iterator[Asked]:
        held = movement.held
        if movement.layer is Layer.TRUST and held is not None:
            role = self._before.state.items.get(_key(movement.subject))
            role = self._after.state.items.get(_key(movement.subject)) or role
            if role is not None:
                yield Asked(_ASSUME, self._after.state.arn(role))
            return
        if held is not None:
            of = movement.subject if movement.layer is Layer.RESOURCE else None
            yield from self._requests.about(held, item, of=of)
            if held.listed("NotResource") or not held.allows or movement.layer is Layer.GUARDRAIL:
                yield from self._of_others(item, held)
        elif movement.layer is Layer.BOUNDARY:
            yield from self._of_others(item, None)

    def _of_others(self, item: Item, held: Held | None) -> Iterator[Asked]:
        """What the principal is allowed besides, as far as this statement is about it."""
        scene = self._after if item.key in self._after.state.items else self._before
        item = scene.state.items[item.key]
        sources = list(scene.own_sources(item))
        for group in scene.groups_of(item):
            sources += scene.own_sources(group)
        allowing = (
            one
            for one in scene.held(sources)
            if one.allows and (held is None or overlap(held.statement, one.statement))
        )
        for one in islice(allowing, _STATEMENTS_TRIED):
            yield from self._requests.about(one, item)


def _is_named(scene: Scene, statement: CompiledStatement, item: Item) -> bool:
    caller = Principal(scene.state.arn(item), scene.state.account, item.id)
    return statement.names(caller, bounded=False) is not Naming.NONE


def _key(subject: str) -> Key:
    kind, _, name = subject.partition("/")
    return Key.of(Kind(kind), name)


def _word(verdict: Verdict | None) -> str:
    return "denied" if verdict is None else verdict.value
