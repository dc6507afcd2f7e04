"""The document under examination: its statements, where they stand, and what is known of names."""

from collections.abc import Iterator, Mapping
from typing import Any

from iam_policy.defects import shown_member
from iam_policy.document import Clause, DocumentKind, Policy, Statement
from iam_policy.lint.vocabulary import Vocabulary


class Subject:
    """A policy with the paths of its parts.

    Attributes:
        policy: The parsed document.
        vocabulary: The registered actions, resource types and condition keys.
        states_version: Whether the document has a Version at all.
    """

    def __init__(
        self, policy: Policy, vocabulary: Vocabulary, source: Mapping[str, Any] | None
    ) -> None:
        self.policy = policy
        self.vocabulary = vocabulary
        self.states_version = source is None or "Version" in source
        self._source = source

    @property
    def kind(self) -> DocumentKind:
        """What the document is used as."""
        return self.policy.kind

    def allows(self) -> Iterator[Statement]:
        """Yield the statements that allow."""
        yield from (one for one in self.policy.statements if one.effect == "Allow")

    def denies(self) -> Iterator[Statement]:
        """Yield the statements that deny."""
        yield from (one for one in self.policy.statements if one.effect == "Deny")

    def clauses(self) -> Iterator[tuple[Statement, Clause]]:
        """Yield every line of every Condition."""
        for statement in self.policy.statements:
            for clause in statement.clauses:
                yield statement, clause

    def actions(self, statement: Statement) -> Iterator[tuple[str, str]]:
        """Yield (path, pattern) of Action or NotAction."""
        yield from self._values(statement, "Action", statement.actions, statement.not_action)

    def resources(self, statement: Statement) -> Iterator[tuple[str, str]]:
        """Yield (path, pattern) of Resource or NotResource."""
        yield from self._values(statement, "Resource", statement.resources, statement.not_resource)

    def values(self, statement: Statement, clause: Clause) -> Iterator[tuple[str, str]]:
        """Yield (path, value) of one line of a Condition."""
        base = self.clause_path(statement, clause)
        found = self._found(statement).get("Condition", {})
        is_list = isinstance(found.get(clause.operator, {}).get(clause.key, []), list)
        for index, value in enumerate(clause.values):
            yield f"{base}[{index}]" if is_list else base, value

    def path(self, statement: Statement, element: str = "") -> str:
        """Return the path of a statement, or of one of its elements."""
        is_list = self._source is None or isinstance(self._source["Statement"], list)
        base = f"$.Statement[{statement.index}]" if is_list else "$.Statement"
        return f"{base}.{element}" if element else base

    def clause_path(self, statement: Statement, clause: Clause) -> str:
        """Return the path of one line of a Condition."""
        names = f"{shown_member(clause.operator)}{shown_member(clause.key)}"
        return f"{self.path(statement, 'Condition')}{names}"

    def _values(
        self,
        statement: Statement,
        name: str,
        patterns: tuple[str, ...],
        negated: bool,  # noqa: FBT001 -- as the statement has it
    ) -> Iterator[tuple[str, str]]:
        element = f"Not{name}" if negated else name
        base = self.path(statement, element)
        is_list = isinstance(self._found(statement).get(element, []), list)
        for index, pattern in enumerate(patterns):
            yield f"{base}[{index}]" if is_list else base, pattern

    def _found(self, statement: Statement) -> Mapping[str, Any]:
        """Return a statement as it was written; nothing, where only the policy is known."""
        if self._source is None:
            return {}
        written = self._source["Statement"]
        found: Mapping[str, Any] = (
            written[statement.index] if isinstance(written, list) else written
        )
        return found
