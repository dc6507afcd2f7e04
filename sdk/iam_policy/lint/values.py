"""Condition values: stray wildcards, address ranges, and conditions that nothing can fulfil."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from iam_policy.conditions import bind_condition
from iam_policy.document import Clause, Statement
from iam_policy.globs import Wild
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.operators import parts
from iam_policy.lint.subject import Subject
from iam_policy.variables import tokenize

_PRIVATE: Final = tuple(
    ip_network(each)
    for each in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
_EXACT: Final = frozenset({"StringEquals", "NumericEquals", "DateEquals", "Bool", "BinaryEquals"})


def _stray_wildcard(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        name = parts(clause).name
        if not name.startswith(("StringEquals", "StringNotEquals")):
            continue
        for path, value in subject.values(statement, clause):
            tokens = tokenize(value, variables=subject.policy.has_variables)
            if any(isinstance(token, Wild) for token in tokens):
                yield path, f"{name} takes `*` and `?` for themselves"


def _networks(subject: Subject) -> Iterator[tuple[str, Clause, IPv4Network | IPv6Network]]:
    for statement, clause in subject.clauses():
        if parts(clause).name in {"IpAddress", "NotIpAddress"}:
            for path, value in subject.values(statement, clause):
                yield path, clause, ip_network(value, strict=False)


def _private(subject: Subject) -> Iterator[Spot]:
    for path, clause, network in _networks(subject):
        is_private = any(
            network.version == one.version and network.subnet_of(one)  # type: ignore[arg-type] # both of one version
            for one in _PRIVATE
        )
        if clause.key.lower() in {"iam:sourceip", "aws:sourceip"} and is_private:
            yield path, "a private address is seen only where no proxy or gateway stands between"


def _everywhere(subject: Subject) -> Iterator[Spot]:
    for path, _, network in _networks(subject):
        if network.prefixlen == 0:
            yield path, f"holds for every IPv{network.version} address"


def _host_bits(subject: Subject) -> Iterator[Spot]:
    for statement, clause in subject.clauses():
        if parts(clause).name in {"IpAddress", "NotIpAddress"}:
            for path, value in subject.values(statement, clause):
                network = ip_network(value, strict=False)
                if ip_address(value.partition("/")[0]) != network.network_address:
                    yield path, f"is the same as {network}"


def _empty_date_range(subject: Subject) -> Iterator[Spot]:
    yield from _empty_ranges(subject, "Date")


def _contradiction(subject: Subject) -> Iterator[Spot]:
    yield from _empty_ranges(subject, "Numeric")
    for statement, clauses in _by_key(subject):
        exact = [one for one in clauses if parts(one).name in _EXACT]
        others = [one for one in clauses if parts(one).name != "Null"]
        is_absent = any(one.operator == "Null" and _is_true(one.values) for one in clauses)
        if is_absent and any(not parts(one).is_negated for one in others):
            yield subject.clause_path(statement, clauses[0]), "asks for a value and for none"
        elif (
            exact and len(others) > 1 and not any(_fits(value, others) for value in exact[0].values)
        ):
            yield (
                subject.clause_path(statement, exact[0]),
                "no value fulfils this and the other conditions on the same key",
            )


def _is_true(values: tuple[str, ...]) -> bool:
    return all(value.lower() == "true" for value in values)


def _by_key(subject: Subject) -> Iterator[tuple[Statement, list[Clause]]]:
    """Yield the conditions of a statement on one key that can be compared with one another."""
    for statement in subject.policy.statements:
        grouped: dict[str, list[Clause]] = {}
        for clause in statement.clauses:
            has_variable = any("${" in value for value in clause.values)
            if parts(clause).is_plain and not has_variable:
                grouped.setdefault(clause.key.lower(), []).append(clause)
        for clauses in grouped.values():
            yield statement, clauses


def _fits(value: str, clauses: list[Clause]) -> bool:
    return all(
        bind_condition(one.operator, "key", one.values, variables=False)({"key": value})
        for one in clauses
    )


def _empty_ranges(subject: Subject, family: str) -> Iterator[Spot]:
    for statement, clauses in _by_key(subject):
        lower = [one for one in clauses if one.operator.startswith(f"{family}GreaterThan")]
        upper = [one for one in clauses if one.operator.startswith(f"{family}LessThan")]
        for low in lower:
            for high in upper:
                if not _has_room(low, high, family):
                    path = subject.clause_path(statement, low)
                    yield path, f"no value is both {_said(low)} and {_said(high)}"


def _has_room(low: Clause, high: Clause, family: str) -> bool:
    """Tell whether some value lies between: of several bounds the loosest counts."""
    is_closed = low.operator.endswith("Equals") and high.operator.endswith("Equals")
    operator = f"{family}LessThanEquals" if is_closed else f"{family}LessThan"
    holds = bind_condition(operator, "key", high.values, variables=False)
    return any(holds({"key": value}) for value in low.values)


def _said(clause: Clause) -> str:
    return f"{clause.operator} {' or '.join(clause.values[:3])}"


RULES = (
    Rule(
        "wildcard-under-string-equals",
        Severity.WARNING,
        "use StringLike, or write ${*} and ${?} for the characters themselves",
        _stray_wildcard,
    ),
    Rule(
        "private-address-range",
        Severity.NOTICE,
        "make sure that the server sees the client's own address",
        _private,
    ),
    Rule(
        "any-address",
        Severity.WARNING,
        "name the range, or remove the condition",
        _everywhere,
    ),
    Rule(
        "host-bits-in-range",
        Severity.NOTICE,
        "write the range by its first address",
        _host_bits,
    ),
    Rule(
        "empty-date-range",
        Severity.ERROR,
        "exchange the two dates, or write two statements",
        _empty_date_range,
    ),
    Rule(
        "contradictory-condition",
        Severity.ERROR,
        "remove one of the conditions: together they never hold",
        _contradiction,
    ),
)
