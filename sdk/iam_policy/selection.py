"""Many statements that reach their conditions, sifted before any condition is read by itself."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from iam_policy.conditions import Condition
from iam_policy.conditions.crowds import Crowd, Member
from iam_policy.conditions.lookups import Places, bits, packed
from iam_policy.conditions.registry import fails_without
from iam_policy.variables import Env

if TYPE_CHECKING:
    from iam_policy.index import Entry

Candidate = tuple[Callable[[str, Env], bool] | None, Condition | None, "Entry"]
"""What is left to check once the beginning of the resource was found: the rest, the condition."""

_CROWD = 4  # conditions of one operator and key, from which on one look-up costs less


class Selection:
    """Many candidates at one beginning: conditions of one operator on one key are asked at once.

    A thousand statements that differ in the tag they ask for are one look-up then.
    """

    __slots__ = ("_candidates", "_sieve")

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._sieve: _Sieve | None = None

    def relevant(self, env: Env) -> Iterator[Candidate]:
        """Yield the candidates whose condition may hold; each is still to be checked."""
        if self._sieve is None:  # of many tables, some are never asked
            self._sieve = _Sieve(self._candidates)
        # To look for a character in a text is the quickest way from one set bit to the next.
        passing = f"{self._sieve.passing(env):b}"[::-1]
        place = passing.find("1")
        while place >= 0:
            yield self._candidates[place]
            place = passing.find("1", place + 1)


class _Sieve:
    """What tells candidates apart.

    Crowds ask about one key each. Of the conditions that are no part of any, there may be
    thousands on as many keys: such a candidate is left out unless the request has its key.
    """

    __slots__ = ("_always", "_crowds", "_needing")

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        members: dict[tuple[str, str], list[Member]] = {}
        for place, (_, _, entry) in enumerate(candidates):
            for (operator, key, values), condition in entry.statement.clauses:
                is_template = entry.statement.variables and "${" in "".join(values)
                member = Member(place, values, condition, is_template)
                members.setdefault((operator, key.lower()), []).append(member)
        crowds = {name: found for name, found in members.items() if len(found) >= _CROWD}
        self._crowds = [Crowd(*name, found) for name, found in crowds.items()]
        needing: dict[str, list[int]] = {}
        needed = {
            member.place: key
            for (operator, key), found in members.items()
            for member in found
            if len(found) < _CROWD and fails_without(operator, member.values)
        }
        for place, key in needed.items():
            needing.setdefault(key, []).append(place)
        self._needing: dict[str, Places] = {key: packed(found) for key, found in needing.items()}
        self._always = bits([place for place in range(len(candidates)) if place not in needed])

    def passing(self, env: Env) -> int:
        """Return the places whose condition may hold."""
        passing = self._always
        for key in self._needing.keys() & env.keys():
            passing |= bits(self._needing[key])
        for crowd in self._crowds:
            if not passing:
                break
            passing &= ~crowd.failing(env)
        return passing
