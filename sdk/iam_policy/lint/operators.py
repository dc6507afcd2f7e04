"""The parts of a condition operator's name."""

from dataclasses import dataclass

from iam_policy.document import Clause, Statement

_FOR_ALL = "ForAllValues"
_IF_EXISTS = "IfExists"


@dataclass(frozen=True, slots=True)
class OperatorParts:
    """An operator taken apart.

    Attributes:
        quantifier: ``ForAllValues``, ``ForAnyValue`` or nothing.
        name: Without quantifier and ``IfExists``.
        if_exists: Whether it ends in ``IfExists``.
    """

    quantifier: str
    name: str
    if_exists: bool

    @property
    def is_for_all(self) -> bool:
        """Whether every value of the request must match, of which there may be none."""
        return self.quantifier == _FOR_ALL

    @property
    def is_negated(self) -> bool:
        """Whether it holds for what is not listed."""
        return "Not" in self.name

    @property
    def is_plain(self) -> bool:
        """Whether it has neither quantifier nor ``IfExists``."""
        return not self.quantifier and not self.if_exists


def parts(clause: Clause) -> OperatorParts:
    """Take the operator of a line of a Condition apart."""
    quantifier, _, name = clause.operator.rpartition(":")
    plain = name.removesuffix(_IF_EXISTS)
    return OperatorParts(quantifier, plain, name != plain)


def demands(statement: Statement, key: str) -> bool:
    """Tell whether a statement asks with ``Null`` that the key be there."""
    return any(
        clause.operator == "Null"
        and clause.key.lower() == key.lower()
        and all(value.lower() == "false" for value in clause.values)
        for clause in statement.clauses
    )
