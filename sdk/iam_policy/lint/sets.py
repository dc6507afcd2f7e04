"""Operators that do not fit what a key is: one value or many, text, number, date or address."""

from collections.abc import Iterator
from typing import Final

from iam_policy.catalogue import KeyType
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.operators import parts
from iam_policy.lint.subject import Subject

_FITTING: Final = {
    "Numeric": {KeyType.NUMERIC, KeyType.STRING, KeyType.STRINGS},
    "Date": {KeyType.DATE},
    "Bool": {KeyType.BOOL},
    "Binary": {KeyType.BINARY},
    "IpAddress": {KeyType.ADDRESS},
    "NotIpAddress": {KeyType.ADDRESS},
    "Arn": {KeyType.ARN, KeyType.ARNS},
    "String": set(KeyType) - {KeyType.ADDRESS, KeyType.DATE, KeyType.BINARY},
}


def _plain_on_many(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        operator = parts(clause)
        if operator.quantifier or operator.name == "Null":
            continue
        if subject.vocabulary.is_multivalued(clause.key):
            yield (
                subject.clause_path(statement, clause),
                f"never holds where the request has `{clause.key}`, which is a list",
            )


def _set_on_one(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        kind = subject.vocabulary.key_type(clause.key)
        if parts(clause).quantifier and kind is not None and not kind.is_multivalued:
            yield (
                subject.clause_path(statement, clause),
                f"`{clause.key}` has one value; a set operator only changes what its absence means",
            )


def _other_type(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        kind = subject.vocabulary.key_type(clause.key)
        name = parts(clause).name
        fitting = next(
            (types for family, types in _FITTING.items() if name.startswith(family)), None
        )
        if kind is not None and fitting is not None and kind not in fitting:
            yield (
                subject.clause_path(statement, clause),
                f"`{clause.key}` is of type {kind}, which {name} does not compare",
            )


RULES = (
    Rule(
        "multivalued-key-without-set-operator",
        Severity.ERROR,
        "use ForAnyValue: or ForAllValues:",
        _plain_on_many,
    ),
    Rule(
        "set-operator-on-single-valued-key",
        Severity.WARNING,
        "leave the set operator out",
        _set_on_one,
    ),
    Rule(
        "operator-for-other-type",
        Severity.WARNING,
        "use an operator for this type of key",
        _other_type,
    ),
)
