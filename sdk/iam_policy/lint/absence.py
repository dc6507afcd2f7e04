"""Conditions that come out differently than expected when the request does not have the key."""

from collections.abc import Iterator

from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.operators import demands, parts
from iam_policy.lint.subject import Subject


def _is_false(values: tuple[str, ...]) -> bool:
    return [value.lower() for value in values] == ["false"]


def _empty_set(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        is_open = statement.effect == "Allow" and parts(clause).is_for_all
        if is_open and not demands(statement, clause.key):
            yield (
                subject.clause_path(statement, clause),
                f"also holds when the request has no `{clause.key}`",
            )


def _missed(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        operator = parts(clause)
        if (
            statement.effect == "Deny"
            and operator.name == "Bool"
            and operator.is_plain
            and _is_false(clause.values)
            and not subject.vocabulary.is_always_there(clause.key)
            and not demands(statement, clause.key)
        ):
            yield (
                subject.clause_path(statement, clause),
                f"does not deny a request without `{clause.key}`",
            )


def _hit(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        operator = parts(clause)
        is_idiom = operator.name == "Bool" and _is_false(clause.values)
        if (
            statement.effect == "Deny"
            and operator.if_exists
            and not operator.is_negated
            and not is_idiom
            and not demands(statement, clause.key)
        ):
            yield (
                subject.clause_path(statement, clause),
                f"also denies every request without `{clause.key}`",
            )


def _let_through(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        operator = parts(clause)
        matches_absence = operator.if_exists or (operator.is_negated and not operator.quantifier)
        if (
            statement.effect == "Allow"
            and matches_absence
            and not operator.is_for_all
            and not subject.vocabulary.is_always_there(clause.key)
            and not demands(statement, clause.key)
        ):
            yield (
                subject.clause_path(statement, clause),
                f"also allows a request without `{clause.key}`",
            )


RULES = (
    Rule(
        "for-all-values-without-null",
        Severity.ERROR,
        'add "Null": {"<key>": "false"}',
        _empty_set,
    ),
    Rule(
        "deny-misses-absent-key",
        Severity.ERROR,
        "use BoolIfExists",
        _missed,
    ),
    Rule(
        "deny-matches-absent-key",
        Severity.NOTICE,
        'leave IfExists out, or add "Null": {"<key>": "false"}, if that is not meant',
        _hit,
    ),
    Rule(
        "allow-matches-absent-key",
        Severity.WARNING,
        'leave IfExists out, or add "Null": {"<key>": "false"}',
        _let_through,
    ),
)
