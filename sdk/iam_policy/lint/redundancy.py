"""What can be left out without changing any decision, and what never decides."""

from collections.abc import Iterable, Iterator
from typing import Final

from iam_policy.document import Clause, Statement
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.patterns import covers, overlaps
from iam_policy.lint.subject import Subject

_MANY: Final = 25
_COMPARED: Final = 400
"""Patterns of one document beyond which they are not compared, for that takes their square."""


def statement_covers(wide: Statement, narrow: Statement, *, variables: bool) -> bool:
    """Tell whether one statement applies whenever another does; what is not certain is no."""
    return (
        _principals_cover(wide, narrow)
        and _clauses(wide) <= _clauses(narrow)
        and _patterns_cover(
            (_lower(wide.actions), wide.not_action),
            (_lower(narrow.actions), narrow.not_action),
            variables=False,
        )
        and _patterns_cover(
            (wide.resources, wide.not_resource),
            (narrow.resources, narrow.not_resource),
            variables=variables,
        )
    )


def _is_comparable(subject: Subject) -> bool:
    count = sum(len(one.actions) + len(one.resources) for one in subject.policy.statements)
    return count <= _COMPARED


def _principals_cover(wide: Statement, narrow: Statement) -> bool:
    one, other = wide.principals, narrow.principals
    if one is None or one == other:
        return one is None or not one.negated
    return one.everyone and not one.negated


def _clauses(statement: Statement) -> frozenset[tuple[str, str, frozenset[str]]]:
    def folded(clause: Clause) -> tuple[str, str, frozenset[str]]:
        return clause.operator, clause.key.lower(), frozenset(clause.values)

    return frozenset(map(folded, statement.clauses))


def _patterns_cover(
    wide: tuple[tuple[str, ...], bool], narrow: tuple[tuple[str, ...], bool], *, variables: bool
) -> bool:
    """Compare Action with Action, or NotAction with Action, and so on; likewise resources."""
    ours, ours_negated = wide
    theirs, theirs_negated = narrow
    if ours_negated and theirs_negated:
        return all(_is_covered(one, theirs, variables=variables) for one in ours)
    if ours_negated:
        return not any(
            overlaps(one, other, variables=variables) for one in ours for other in theirs
        )
    if theirs_negated:
        return "*" in ours
    return all(_is_covered(one, ours, variables=variables) for one in theirs)


def _is_covered(pattern: str, by: Iterable[str], *, variables: bool) -> bool:
    return any(covers(one, pattern, variables=variables) for one in by)


def _lower(actions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(action.lower() for action in actions)


def _unreachable(subject: Subject) -> Iterator[Spot]:
    variables = subject.policy.has_variables
    for statement in subject.allows() if _is_comparable(subject) else ():
        for other in subject.denies():
            if statement_covers(other, statement, variables=variables):
                path = subject.path(other)
                yield subject.path(statement), f"never allows anything: {path} denies it all"
                break


def _redundant_statement(subject: Subject) -> Iterator[Spot]:
    variables = subject.policy.has_variables
    dropped: set[int] = set()
    for statement in reversed(subject.policy.statements) if _is_comparable(subject) else ():
        for other in subject.policy.statements:
            if (
                other.index not in {*dropped, statement.index}
                and other.effect == statement.effect
                and statement_covers(other, statement, variables=variables)
            ):
                dropped.add(statement.index)  # of two equal ones, one has to stay
                yield subject.path(statement), f"is part of {subject.path(other)}"
                break


def _redundant_action(subject: Subject) -> Iterator[Spot]:
    for statement in subject.policy.statements if _is_comparable(subject) else ():
        places = [(path, action.lower()) for path, action in subject.actions(statement)]
        yield from _redundant(places, variables=False)


def _redundant_resource(subject: Subject) -> Iterator[Spot]:
    variables = subject.policy.has_variables
    for statement in subject.policy.statements if _is_comparable(subject) else ():
        yield from _redundant(list(subject.resources(statement)), variables=variables)


def _redundant(places: list[tuple[str, str]], *, variables: bool) -> Iterator[Spot]:
    dropped: set[str] = set()
    for path, pattern in reversed(places):
        for where, other in places:
            is_other = where != path and where not in dropped
            if is_other and covers(other, pattern, variables=variables):
                dropped.add(path)
                yield path, f"is part of {where}"
                break


def _many_statements(subject: Subject) -> Iterator[Spot]:
    count = len(subject.policy.statements)
    if count > _MANY:
        yield "$.Statement", f"{count} statements are more than anybody can review"


RULES = (
    Rule(
        "unreachable-statement",
        Severity.WARNING,
        "remove one of the two",
        _unreachable,
    ),
    Rule(
        "redundant-statement",
        Severity.NOTICE,
        "remove it",
        _redundant_statement,
    ),
    Rule(
        "redundant-action",
        Severity.NOTICE,
        "remove it",
        _redundant_action,
    ),
    Rule(
        "redundant-resource",
        Severity.NOTICE,
        "remove it",
        _redundant_resource,
    ),
    Rule(
        "many-statements",
        Severity.NOTICE,
        "put statements with the same conditions together, or make several policies",
        _many_statements,
    ),
)
