"""One statement held against a request: the verdict on each of its elements."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from iam_policy.compile import CompiledStatement
from iam_policy.decision import Layer, Match
from iam_policy.index import Entry
from iam_policy.request import Request
from iam_policy.values import quick_value
from iam_policy.variables import ContextValue, Env, resolved_variables


@quick_value
class ClauseVerdict:
    """What became of one line of a Condition.

    Attributes:
        operator: As the policy writes it.
        key: As the policy writes it.
        values: The policy's values, as written.
        found: What the request has under the key; None if it has nothing.
        variables: What the variables in the values stood for; None where they stood for nothing.
        holds: Whether the line was met.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    found: ContextValue | None
    variables: dict[str, str | None]
    holds: bool

    @property
    def is_missing(self) -> bool:
        """Whether the request does not have the key."""
        return self.found is None

    def __str__(self) -> str:
        """Name the line: ``IpAddress iam:SourceIp``."""
        return f"{self.operator} {self.key}"


class Trace:
    """What one statement had to say: the verdict on each of its elements, found when it is read.

    Attributes:
        layer: Where its policy stands.
        level: Which level of guardrails it stands in, from the root at 0; 0 in other layers.
        action: Whether Action or NotAction matched.
        statement: The statement itself.
        asked: What it was held against.
    """

    __slots__ = (
        "_entry",
        "_held",
        "_principal",
        "_resource",
        "action",
        "asked",
        "layer",
        "level",
        "statement",
    )

    def __init__(
        self,
        entry: Entry,
        layer: Layer,
        level: int,
        asked: "Asked",
        action: bool,  # noqa: FBT001 -- by place: one is made for every statement
    ) -> None:
        self._entry = entry
        self.statement = entry.statement
        self.asked = asked
        self._held: tuple[bool, ...] | None = None  # with it, the two others are known
        self._principal = self._resource = False
        self.layer = layer
        self.level = level
        self.action = action

    @property
    def match(self) -> Match:
        """Which statement."""
        return self._entry.match(self.layer)

    @property
    def resource(self) -> bool:
        """Whether Resource or NotResource matched."""
        if self._held is None:  # the other elements need not be read for it
            return _reaches(self.statement, self.asked)
        return self._resource

    @property
    def principal(self) -> bool:
        """Whether Principal or NotPrincipal named the caller, or there is neither."""
        self._read()
        return self._principal

    @property
    def held(self) -> tuple[bool, ...]:
        """For each line of the Condition, whether it was met."""
        return self._read()

    @property
    def applies(self) -> bool:
        """Whether the statement applies to the request."""
        return self.action and self.resource and self.principal and all(self.held)

    @property
    def failed(self) -> tuple[str, ...]:
        """The elements that did not match, conditions as ``StringEquals aws:username``."""
        held = self._read()
        failed = _FAILED[self.action, self._resource, self._principal]
        if False not in held:
            return failed
        clauses = zip(self.statement.clauses, held, strict=True)
        unmet = [f"{clause[0]} {clause[1]}" for (clause, _), is_met in clauses if not is_met]
        return (*failed, *unmet)

    @property
    def failed_on(self) -> str | None:
        """The first element that did not match, or None if the statement applies."""
        return next(iter(self.failed), None)

    @property
    def clauses(self) -> tuple[ClauseVerdict, ...]:
        """Each line of the Condition in full."""
        return tuple(
            ClauseVerdict(
                clause.operator,
                clause.key,
                clause.values,
                self.asked.env.get(clause.key.lower()),
                self._resolved(clause.values),
                is_met,
            )
            for (clause, _), is_met in zip(self.statement.clauses, self.held, strict=True)
        )

    @property
    def variables(self) -> dict[str, str | None]:
        """What the variables in the resource patterns stood for."""
        return self._resolved([pattern.text for pattern in self.statement.resources])

    def _resolved(self, texts: Sequence[str]) -> dict[str, str | None]:
        try:
            return resolved_variables(texts, self.asked.env) if self.statement.variables else {}
        except Exception:  # noqa: BLE001 -- a value that nothing reads; a finding of the decision
            return {}

    def _read(self) -> tuple[bool, ...]:
        """Hold the statement against the request, once; return what became of its conditions."""
        if self._held is None:
            statement, asked = self.statement, self.asked
            self._principal = statement.principals is None or bool(
                statement.names(asked.request.principal, bounded=asked.is_bounded)
            )
            self._resource = _reaches(statement, asked)
            self._held = _held(statement, asked.env) if statement.clauses else ()
        return self._held


_ELEMENTS = ("action", "resource", "principal")
_FAILED = {
    matched: tuple([name for name, one in zip(_ELEMENTS, matched, strict=True) if not one])
    for matched in product((True, False), repeat=len(_ELEMENTS))
}
"""The elements that failed, by what became of each: thousands of statements share eight tuples."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the statements are held against."""

    request: Request
    env: Env
    is_bounded: bool


def _reaches(statement: CompiledStatement, asked: Asked) -> bool:
    try:
        return statement.matches_resource(asked.request.resource, asked.env)
    except Exception:  # noqa: BLE001 -- a finding of the decision: it does not match
        return False


_MET, _UNMET = (True,), (False,)


def _held(statement: CompiledStatement, env: Env) -> tuple[bool, ...]:
    try:
        if len(statement.clauses) == 1:  # mostly; and the two tuples are made already
            return _MET if statement.clauses[0][1](env) else _UNMET
        return tuple([condition(env) for _, condition in statement.clauses])
    except Exception:  # noqa: BLE001 -- one of them, told apart from the others below
        return _held_each(statement, env)


def _held_each(statement: CompiledStatement, env: Env) -> tuple[bool, ...]:
    held: list[bool] = []
    for _, condition in statement.clauses:
        try:
            held.append(condition(env))
        except Exception:  # noqa: BLE001 -- a finding of the decision: it does not hold
            held.append(False)
    return tuple(held)
