"""The steps that lead from one state of an account to another."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from iam.features.configuration.rules.meaning import meaning
from iam.features.configuration.rules.shapes import (
    ATTRIBUTES,
    DOCUMENTS,
    Attributes,
    Item,
    Kind,
    State,
    ordered,
)
from iam.features.principal_elements.rules import named_principals


class Verb(StrEnum):
    """What becomes of an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute that changes; `None` stands for what is not there."""

    attribute: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One object that is made, changed or deleted.

    Attributes:
        verb: Which of them.
        item: The object as it is to be; of a deleted one, as it was.
        changes: What differs: of a new one all that is not a default, of a deleted one nothing.
    """

    verb: Verb
    item: Item
    changes: tuple[Change, ...] = ()

    def changed(self, attribute: str) -> Change | None:
        """The change of this attribute, if it changes."""
        return next((one for one in self.changes if one.attribute == attribute), None)


def steps_between(before: State, after: State) -> tuple[Step, ...]:
    """What has to be made, changed and deleted, in an order in which nothing comes too early."""
    made = [item for key, item in after.items.items() if key not in before.items]
    gone = [item for key, item in before.items.items() if key not in after.items]
    steps = [
        Step(Verb.CREATE, item, tuple(_changes(_unset(item), item.attributes, after)))
        for item in _in_turn(made, after)
    ]
    for item in sorted(after.items.values(), key=_place):
        present = before.items.get(item.key)
        if present is None or present.attributes == item.attributes:
            continue
        changes = tuple(_changes(present.attributes, item.attributes, after))
        steps += [Step(Verb.UPDATE, item, changes)] if changes else []
    last_first = sorted(gone, key=_place, reverse=True)
    return (*steps, *(Step(Verb.DELETE, item) for item in last_first))


def _place(item: Item) -> tuple[int, str]:
    return ordered(item.kind), item.name


def _unset(item: Item) -> Attributes:
    """The defaults of its kind, to tell only what is said of a new object."""
    return {
        name: default if isinstance(default, str | int | list | dict) else None
        for name, default in ATTRIBUTES[item.kind].items()
    }


def _changes(before: Attributes, after: Attributes, state: State) -> Iterator[Change]:
    for attribute, value in after.items():
        if not _is_same(attribute, before.get(attribute), value, state.partition):
            yield Change(attribute, before.get(attribute), value)


def _is_same(attribute: str, before: Any, after: Any, partition: str) -> bool:
    if before == after:
        return True
    if attribute in DOCUMENTS and before is not None and after is not None:
        return meaning(before, partition=partition) == meaning(after, partition=partition)
    if attribute == "inline_policies" and before.keys() == after.keys():
        return all(_is_same("document", before[name], after[name], partition) for name in after)
    return False


def differing_documents(change: Change, partition: str) -> Iterator[str]:
    """The names of the inline policies that are to be written: new, or with another meaning."""
    before: Mapping[str, Any] = change.before or {}
    for name, document in change.after.items():
        if name not in before or not _is_same("document", before[name], document, partition):
            yield name


def _in_turn(made: list[Item], state: State) -> list[Item]:
    """New objects in the order of their kinds; a role after the new ones that it trusts."""
    roles = {state.arn(item): item for item in made if item.kind is Kind.ROLE}
    trusted = {
        arn: {one.value for one in named_principals(item.attributes["trust_policy"])} & roles.keys()
        for arn, item in sorted(roles.items())
    }
    try:
        turns = {arn: turn for turn, arn in enumerate(TopologicalSorter(trusted).static_order())}
    except CycleError:  # the first of them is refused, because the other is not there
        turns = {}
    return sorted(made, key=lambda item: (*_turn(item, turns, state), item.name))


def _turn(item: Item, turns: Mapping[str, int], state: State) -> tuple[int, int]:
    is_role = item.kind is Kind.ROLE
    return ordered(item.kind), turns.get(state.arn(item), 0) if is_role else 0


_HASHED: Final = 16
"""Bytes of a plan's hash: enough that nobody finds two plans with the same one by trying."""


def plan_hash(
    name: str, before: State, steps: tuple[Step, ...], *, extra: Mapping[str, Any]
) -> str:
    """What stands for a plan: who shows it again wants these steps from this state, or none.

    Of the state it knows what the steps touch, by id: an object that was made anew is another.
    """
    told = [
        [
            step.verb,
            str(step.item),
            getattr(before.items.get(step.item.key), "id", None),
            [[one.attribute, one.before, one.after] for one in step.changes],
        ]
        for step in steps
    ]
    text = json.dumps([name, before.account, told, extra], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()[:_HASHED].hex()
