"""What policies say while the circumstances of a request are not known: surely, or perhaps.

Who a principal is and what time it is are known; from where it asks, or what the resource's tags
are, is not. So each statement is read twice: as it applies whatever the circumstances are, and as
it applies if they are most in its favour. Decided on the Allows at their best and the Denies at
their least, a refusal is sure; the other way round, a permission is.
"""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from iam.authz.condition_keys import PREFIXES
from iam_policy import Clause, CompiledPolicy, Context, PolicySet, build_set
from iam_policy.compile import CompiledStatement
from iam_policy.conditions import Condition
from iam_policy.variables import Pattern, compiled_pattern

_KNOWN: Final = tuple(
    prefix + name
    for prefix in PREFIXES
    for name in ("principal", "userid", "username", "currenttime", "epochtime")
)
_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
Key = TypeVar("Key")
Value = TypeVar("Value")

_MEMO: Final = 4_096
_CHARACTERS: Final = frozenset("*?$")


class View(StrEnum):
    """How what is not known is taken: in the caller's favour, or against it."""

    AT_BEST = "at_best"
    AT_WORST = "at_worst"


@dataclass(frozen=True, slots=True)
class Supposed:
    """One statement, and what it is without what is not known.

    Attributes:
        statement: As it is written.
        perhaps: As it applies if everything that is not known is as it asks for.
        surely: As it applies whatever that is; `None` if it never surely does.
        unknown: The conditions that depend on it; `Resource` or `NotResource` stands for the
            operator where it is a variable in a pattern.
    """

    statement: CompiledStatement
    perhaps: CompiledStatement
    surely: CompiledStatement | None
    unknown: tuple[Clause, ...]


def is_known(key: str) -> bool:
    """Whether this condition key follows from the principal or the clock, also where absent."""
    return key.lower().startswith(_KNOWN)


class Views:
    """Policies as they are seen in both ways, for questions about one action; made once each."""

    def __init__(self, action: str) -> None:
        self._action = action.lower()
        self._supposed: dict[CompiledPolicy, tuple[Supposed, ...]] = {}
        self._sets: dict[tuple[PolicySet, View], PolicySet] = {}

    def supposed(self, policy: CompiledPolicy) -> tuple[Supposed, ...]:
        """The statements of a policy that are about the action, in order."""
        found = self._supposed.get(policy)
        if found is None:
            found = tuple(
                _supposed(one) for one in policy.statements if one.matches_action(self._action)
            )
            _keep(self._supposed, policy, found)
        return found

    def of(self, policies: PolicySet, view: View) -> PolicySet:
        """A set as far as it surely or perhaps applies; itself if nothing is unknown."""
        found = self._sets.get((policies, view))
        if found is None:
            seen = [(label, self._seen(policy, view)) for label, policy in policies.policies]
            pairs = zip(seen, policies.policies, strict=True)
            found = policies if all(a[1] is b[1] for a, b in pairs) else build_set(seen)
            _keep(self._sets, (policies, view), found)
        return found

    def _seen(self, policy: CompiledPolicy, view: View) -> CompiledPolicy:
        others = {id(one.statement): _seen(one, view) for one in self.supposed(policy)}
        found = [others.get(id(one), one) for one in policy.statements]
        statements = tuple(one for one in found if one is not None)
        if statements == policy.statements:
            return policy
        # Another text would have another hash: two policies with the same one are the same.
        content_hash = f"{policy.content_hash}+{view}+{self._action}"
        return CompiledPolicy(content_hash, policy.kind, statements, policy.finding)


def _keep(memo: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memo) >= _MEMO:
        memo.clear()
    memo[key] = value


def _has_unknown(texts: Iterable[str]) -> bool:
    """Whether a variable in these texts stands for something that is not known."""
    return any(not is_known(key) for text in texts for key in _variables(text))


def variables_as_wildcards(pattern: str) -> str:
    """A pattern in which each variable may stand for anything."""
    return _VARIABLE.sub(lambda found: found[0] if found[1] in _CHARACTERS else "*", pattern)


def _seen(one: Supposed, view: View) -> CompiledStatement | None:
    is_generous = (one.statement.effect == "Allow") == (view is View.AT_BEST)
    return one.perhaps if is_generous else one.surely


def _supposed(statement: CompiledStatement) -> Supposed:
    is_open = [_is_open(statement, clause) for clause, _ in statement.clauses]
    depends = bool(_open_resources(statement))
    if not depends and not any(is_open):
        return Supposed(statement, statement, statement, ())
    perhaps = copy.copy(statement)
    perhaps.clauses = tuple(
        [one for one, is_left in zip(statement.clauses, is_open, strict=True) if not is_left]
    )
    perhaps.condition = _all_of([condition for _, condition in perhaps.clauses])
    surely: CompiledStatement | None = None
    if not any(is_open):
        surely = copy.copy(statement)
        surely.resources = _narrowed(statement, is_generous=False)
        if not surely.resources and not surely.not_resource:
            surely = None  # without any pattern it would apply to everything
    perhaps.resources = _narrowed(statement, is_generous=True)
    left = zip(statement.clauses, is_open, strict=True)
    unknown = [one for (one, _), is_left in left if is_left]
    return Supposed(statement, perhaps, surely, (*unknown, *_open_resources(statement)))


def _open_resources(statement: CompiledStatement) -> list[Clause]:
    """Which keys the resource patterns want to know, told as conditions are."""
    element = "NotResource" if statement.not_resource else "Resource"
    if not statement.variables:
        return []
    return [
        Clause(element, key, (pattern.text,))
        for pattern in statement.resources
        for key in _variables(pattern.text)
        if not is_known(key)
    ]


def _is_open(statement: CompiledStatement, clause: Clause) -> bool:
    if not is_known(clause.key):
        return True
    return statement.variables and _has_unknown(clause.values)


def _narrowed(statement: CompiledStatement, *, is_generous: bool) -> tuple[Pattern, ...]:
    """The patterns with unknown variables taken for anything, or without those patterns."""
    if not statement.variables:
        return statement.resources
    found = []
    for pattern in statement.resources:
        if not _has_unknown((pattern.text,)):
            found.append(pattern)
        elif is_generous is not statement.not_resource:
            text = _VARIABLE.sub(_anything, pattern.text)
            found.append(compiled_pattern(text, variables=True))
    return tuple(found)


def _anything(found: re.Match[str]) -> str:
    keys = _variables(found[0])
    return "*" if any(not is_known(key) for key in keys) else found[0]


def _variables(text: str) -> list[str]:
    if "${" not in text:
        return []
    inner = (found[1] for found in _VARIABLE.finditer(text))
    return [one.partition(",")[0].strip() for one in inner if one not in _CHARACTERS]


def _all_of(conditions: list[Condition]) -> Condition | None:
    if not conditions:
        return None
    return lambda env: all(condition(env) for condition in conditions)


def applies(statement: CompiledStatement | None, *, resource: str, context: Context) -> bool:
    """Whether a statement in one of its forms applies, action and principals aside."""
    if statement is None:
        return False
    try:
        return statement.matches_resource(resource, context) and (
            statement.condition is None or statement.condition(context)
        )
    except Exception:  # noqa: BLE001 -- the engine denies then, and says so
        return False
