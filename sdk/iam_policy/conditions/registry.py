"""The operators by name, and how one is bound to a key and its values.

A family registers its operators with a `Build`: given the values a policy lists, it returns a
`Test` of one request value against all of them. Everything the families share is here, once:
missing keys, ``IfExists``, set operators, and negation. Source: IAM User Guide,
``reference_policies_elements_condition_operators`` and
``reference_policies_condition-single-vs-multi-valued-context-keys``.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from iam_policy.conditions.lookups import Gather
from iam_policy.variables import Env, Scalar, scalar_text, single_value

Condition = Callable[[Env], bool]
Test = Callable[[Scalar, Env], bool | None]
"""True: equals one of the values. False: equals none. None: the request value is not of this type,
so neither the operator nor its negation holds."""
Build = Callable[[Sequence[str], bool], Test]
"""Takes the policy's values and whether ``${...}`` is a variable; raises `ValueListError`."""

_FEW = 4


class Literals:
    """A `Test` against plain texts, which may be looked up without calling it."""

    __slots__ = ("values",)

    def __init__(self, values: Collection[str]) -> None:
        # A tuple of a few is as quick as a set, and takes a third of its memory.
        self.values = tuple(values) if len(values) <= _FEW else frozenset(values)

    def __call__(self, value: Scalar, _: Env) -> bool:
        """Tell whether the value's text is one of them."""
        return scalar_text(value) in self.values


FOR_ALL = "ForAllValues:"
FOR_ANY = "ForAnyValue:"
_IF_EXISTS = "IfExists"
_ABSENCE = "Null"


class OperatorError(ValueError):
    """There is no such operator."""


class ValueListError(ValueError):
    """A value in the policy is not of the operator's type.

    Attributes:
        index: Which value.
        expected: What a value must look like.
    """

    def __init__(self, index: int, expected: str) -> None:
        super().__init__(expected)
        self.index = index
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Operator:
    """One comparison, positive or negated.

    Attributes:
        name: As policies write it, without set prefix and ``IfExists``.
        build: Binds the values of one condition.
        gather: Binds those of many, none of which holds a variable.
        negated: It holds where none of the values does.
        folds: It does not tell upper from lower case.
    """

    name: str
    build: Build
    gather: Gather
    negated: bool = False
    folds: bool = False

    @property
    def is_absence(self) -> bool:
        """Whether it asks if the key is there, not what it holds."""
        return self.name == _ABSENCE


_OPERATORS: dict[str, Operator] = {}


def register(*operators: Operator) -> None:
    """Add operators; a name can be taken once."""
    for operator in operators:
        if operator.name in _OPERATORS:
            raise OperatorError(f"operator {operator.name} is registered twice")
        _OPERATORS[operator.name] = operator


def operator_names() -> tuple[str, ...]:
    """Return the registered names, without set prefixes and ``IfExists``, in order."""
    return tuple(sorted(_OPERATORS))


@lru_cache(maxsize=1_024)  # bound when checked and when compiled, and alike in many documents
def bind_condition(
    operator: str, key: str, values: tuple[str, ...], *, variables: bool
) -> Condition:
    """Compile one operator, key and list of values into a predicate on the folded context.

    Raises:
        OperatorError: there is no such operator.
        ValueListError: a value is not of the operator's type.
    """
    quantifier, found, if_exists = parsed_operator(operator)
    test = found.build(values, variables)
    folded = key.lower()
    if found.is_absence:
        return _absence(folded, test)
    if quantifier == FOR_ALL:
        return _for_all(folded, test, negated=found.negated)
    if quantifier == FOR_ANY:
        return _for_any(folded, test, negated=found.negated, if_exists=if_exists)
    return _single(folded, test, negated=found.negated, missing=found.negated or if_exists)


def fails_without(operator: str, values: Sequence[str]) -> bool:
    """Tell whether a condition fails wherever the request does not have its key."""
    quantifier, found, if_exists = parsed_operator(operator)
    if found.is_absence:
        return all(value.lower() == "false" for value in values)
    if if_exists or quantifier == FOR_ALL:
        return False
    return quantifier == FOR_ANY or not found.negated


def parsed_operator(operator: str) -> tuple[str, Operator, bool]:
    """Return set prefix, operator, and whether ``IfExists`` follows; raises `OperatorError`."""
    quantifier, name, if_exists = _parts(operator)
    found = _OPERATORS.get(name)
    if found is None or (found.is_absence and (if_exists or quantifier)):
        raise OperatorError("no such condition operator")
    return quantifier, found, if_exists


def _parts(operator: str) -> tuple[str, str, bool]:
    quantifier = next((word for word in (FOR_ALL, FOR_ANY) if operator.startswith(word)), "")
    name = operator.removeprefix(quantifier)
    return quantifier, name.removesuffix(_IF_EXISTS), name.endswith(_IF_EXISTS)


def _single(key: str, test: Test, *, negated: bool, missing: bool) -> Condition:
    literals = test if isinstance(test, Literals) else None
    listed = None if literals is None else literals.values

    def holds(env: Env) -> bool:
        value = env.get(key)
        if value is None:
            return missing
        if value.__class__ is str:  # nearly always: spares the call that sorts out the types
            if listed is not None:  # equality with plain texts, the commonest of all conditions
                return (value in listed) is not negated
            verdict = test(value, env)
            return verdict is not None and verdict is not negated
        scalar = single_value(value)
        if scalar is None:
            return False  # AWS requires a set operator here; the negated operator fails as well
        verdict = test(scalar, env)
        return verdict is not None and verdict is not negated

    return holds


def _for_all(key: str, test: Test, *, negated: bool) -> Condition:
    def holds(env: Env) -> bool:
        for value in values_of(env, key):
            verdict = test(value, env)
            if verdict is None or verdict is negated:
                return False
        return True

    return holds


def _for_any(key: str, test: Test, *, negated: bool, if_exists: bool) -> Condition:
    def holds(env: Env) -> bool:
        if if_exists and env.get(key) is None:
            return True
        for value in values_of(env, key):
            verdict = test(value, env)
            if verdict is not None and verdict is not negated:
                return True
        return False

    return holds


def _absence(key: str, test: Test) -> Condition:
    def holds(env: Env) -> bool:
        # A key with an empty list has no value, so the usual guard beside ForAllValues,
        # "Null": {"key": "false"}, stops the empty list as well.
        return test(not values_of(env, key), env) is True

    return holds


def values_of(env: Env, key: str) -> Sequence[Scalar]:
    """Return the values of a key, none if the request does not have it."""
    value = env.get(key)
    if value is None:
        return ()
    scalar = single_value(value)
    # One value is a set of one element.
    return tuple(cast("Iterable[Scalar]", value)) if scalar is None else (scalar,)
