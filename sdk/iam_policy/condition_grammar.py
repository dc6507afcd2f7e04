"""The grammar of the Condition element: operators, keys and values."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from iam_policy.conditions import OperatorError, ValueListError, bind_condition, operator_names
from iam_policy.defects import DefectLog
from iam_policy.document import Clause, Limits
from iam_policy.strict_json import Steps
from iam_policy.variables import number_text

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SETS = ("ForAllValues:", "ForAnyValue:")


class ConditionReader:
    """Reads Condition elements of one document."""

    def __init__(self, defects: DefectLog, limits: Limits, *, variables: bool) -> None:
        self._defects = defects
        self._limits = limits
        self._variables = variables

    def read(self, condition: Any, way: Steps) -> tuple[Clause, ...]:
        """Return the lines of one Condition; what is wrong goes to the defects."""
        if not isinstance(condition, dict) or not condition:
            self._defects.add(way, condition, "an object of operators, at least one")
            return ()
        clauses: list[Clause] = []
        for operator, keys in condition.items():
            where = (*way, operator)
            self._check_operator(operator, where)
            if isinstance(keys, dict) and keys:
                clauses += self._clauses(operator, keys, where)
            else:
                self._defects.add(where, keys, "an object of condition keys, at least one")
        return tuple(clauses)

    def _check_operator(self, operator: str, way: Steps) -> None:
        if not _is_operator(operator):
            self._defects.add(way, operator, f"a condition operator such as {_similar(operator)}")

    def _clauses(self, operator: str, keys: Mapping[str, Any], way: Steps) -> list[Clause]:
        if len({key.lower() for key in keys}) != len(keys):
            self._defects.say(way, "a key twice", "keys that differ in more than case")
        return [self._clause(operator, key, found, (*way, key)) for key, found in keys.items()]

    def _clause(self, operator: str, key: str, found: Any, way: Steps) -> Clause:
        if len(key) > self._limits.pattern or not _is_key(key):
            self._defects.add(way, key, "the name of a condition key")
        if found == []:
            self._defects.add(way, found, "at least one value")
        placed = self._placed(found, way)
        clause = Clause(operator, key, tuple(text for _, text in placed))
        self._check_values(clause, placed)
        return clause

    def _placed(self, found: Any, way: Steps) -> list[tuple[Steps, str]]:
        """Return (way, text) of every value that is one."""
        placed: list[tuple[Steps, str]] = []
        for index, value in enumerate(found if isinstance(found, list) else [found]):
            place = (*way, index) if isinstance(found, list) else way
            text = _text(value)
            if text is None:
                self._defects.add(place, value, "a text, a number, true or false")
            elif self._defects.is_bounded(text, place, self._limits):
                placed.append((place, text))
        return placed

    def _check_values(self, clause: Clause, placed: list[tuple[Steps, str]]) -> None:
        try:
            bind_condition(clause.operator, clause.key, clause.values, variables=self._variables)
        except OperatorError:
            return  # told already, once for all its keys
        except ValueListError:
            for way, value in placed:
                self._check_value(clause, way, value)

    def _check_value(self, clause: Clause, way: Steps, value: str) -> None:
        try:
            bind_condition(clause.operator, clause.key, (value,), variables=self._variables)
        except ValueListError as error:
            self._defects.add(way, value, error.expected)


@lru_cache(maxsize=256)  # the same few in all documents
def _is_key(key: str) -> bool:
    return bool(key.strip()) and not _CONTROL.search(key)


@lru_cache(maxsize=256)
def _is_operator(operator: str) -> bool:
    try:
        bind_condition(operator, "key", (), variables=False)
    except OperatorError:
        return False
    return True


def _similar(operator: str) -> str:
    from difflib import get_close_matches  # only a slip needs it

    prefix = next((word for word in _SETS if operator.startswith(word)), "")
    name = operator.removeprefix(prefix).removesuffix("IfExists")
    names = {known.lower(): known for known in operator_names()}
    found = get_close_matches(name.lower(), names, n=1)
    return names[found[0]] if found else "StringEquals"


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float) else None
