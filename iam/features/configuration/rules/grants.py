"""Statements that somebody has, and which of them come and go between two states.

Two statements are compared as they are written, by what they can reach at most: the later one is
*covered* when an earlier one speaks of everything that it speaks of, for everybody whom it names,
under no more conditions. What is not covered moves. The answer is the careful one: what cannot be
told is not covered.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from iam.authz.holders import Source
from iam.authz.overlaps import covers
from iam_policy import DocumentKind, compile_stored
from iam_policy.compile import CompiledStatement
from iam_policy.principals import Principals

MOST_COMPARED: Final = 100_000
"""Pairs of statements that one plan compares: some seconds."""


class Layer(StrEnum):
    """Where a statement stands, which decides what its coming means."""

    IDENTITY = "identity"
    BOUNDARY = "boundary"
    TRUST = "trust"
    RESOURCE = "resource"
    GUARDRAIL = "guardrail"


@dataclass(frozen=True, slots=True)
class Held:
    """One statement of a document.

    Attributes:
        policy: What its document is called.
        written: As it is written.
        statement: As the engine compiled it.
        text: The same as text, but for its id.
        group: The group whose policy it is, if it is one's.
    """

    policy: str
    written: Mapping[str, Any]
    statement: CompiledStatement
    text: str
    group: str | None = None

    @property
    def allows(self) -> bool:
        """Whether it allows, and does not deny."""
        return self.statement.effect == "Allow"

    def listed(self, element: str) -> list[str]:
        """The values of an element, one or many; none if it is not there."""
        found = self.written.get(element, [])
        return list(found) if isinstance(found, list) else [found]


@dataclass(frozen=True, slots=True)
class Movement:
    """A statement that comes to a subject, or goes.

    Attributes:
        subject: Whose: `group/finance`, `service/orders`, the ARN of a resource, or a level.
        layer: Where it stands.
        gains: Whether the subject may do more by it; less, if not.
        held: The statement; `None` where something else than a statement moves.
        reason: What moves, where it is no statement.
    """

    subject: str
    layer: Layer
    gains: bool
    held: Held | None = None
    reason: str = ""


def statements_of(source: Source, kind: DocumentKind) -> tuple[Held, ...]:
    """Every statement of a document."""
    written = json.loads(source.document)["Statement"]
    several = written if isinstance(written, list) else [written]
    compiled = compile_stored(source.document, kind)
    group = None if source.group is None else f"group/{source.group.name}"
    return tuple(
        Held(source.label, one, statement, _text(one), group)
        for one, statement in zip(several, compiled.statements, strict=True)
    )


def _text(written: Mapping[str, Any]) -> str:
    told = {element: value for element, value in written.items() if element != "Sid"}
    return json.dumps(told, sort_keys=True)


class Comparison:
    """Finds the statements that move; compares each pair once, and not without end.

    Hostile policies would take minutes. Once `most` pairs are compared, what is not written in the
    same words is not covered any more: the careful answer.

    Its iterators give `None` for what does not move, so that others may have their turn meanwhile.
    """

    def __init__(self, most: int = MOST_COMPARED) -> None:
        self._left = most
        self._told: dict[tuple[str, str], bool] = {}

    def movements(
        self, subject: str, layer: Layer, before: Sequence[Held], after: Sequence[Held]
    ) -> Iterator[Movement | None]:
        """What the subject gains and loses: an Allow that comes, a Deny that goes, and so on."""
        for held in self.uncovered(after, before):
            yield None if held is None else Movement(subject, layer, held.allows, held)
        for held in self.uncovered(before, after):
            yield None if held is None else Movement(subject, layer, not held.allows, held)

    def uncovered(self, some: Iterable[Held], others: Sequence[Held]) -> Iterator[Held | None]:
        """Those that none of the others, with the same effect, speaks of all of."""
        same = {other.text for other in others}
        for one in some:
            is_covered = one.text in same or any(self._covers(other, one) for other in others)
            yield None if is_covered else one

    def _covers(self, one: Held, other: Held) -> bool:
        pair = one.text, other.text
        told = self._told.get(pair)
        if told is None:
            if self._left <= 0:
                return False
            self._left -= 1
            told = self._told[pair] = _covers(one.statement, other.statement)
        return told


def _covers(one: CompiledStatement, other: CompiledStatement) -> bool:
    return (
        one.effect == other.effect
        and {clause for clause, _ in one.clauses} <= {clause for clause, _ in other.clauses}
        and _names_all(one.principals, other.principals)
        and (one.variables == other.variables)
        and (_is_equal(one, other) or covers(one, other))
    )


def _is_equal(one: CompiledStatement, other: CompiledStatement) -> bool:
    """The same patterns: also where variables are in them, which `covers` does not look into."""
    return (_patterns(one), one.not_action, one.not_resource) == (
        _patterns(other),
        other.not_action,
        other.not_resource,
    )


def _patterns(statement: CompiledStatement) -> tuple[frozenset[str], frozenset[str]]:
    return (
        frozenset(one.text for one in statement.actions),
        frozenset(one.text for one in statement.resources),
    )


def _names_all(one: Principals | None, other: Principals | None) -> bool:
    """Whether whoever the other names is named by this one, too."""
    if one is None or other is None or one == other:
        return one == other
    if one.negated or other.negated:
        return False
    return one.everyone or (
        not other.everyone
        and one.arns >= other.arns
        and one.accounts >= other.accounts
        and one.ids >= other.ids
        and one.services >= other.services
        and one.federated >= other.federated
    )
