"""Many compiled documents as one lookup structure: a decision costs the same for 1 or 1,000.

For each action the set keeps two tables, of Allow and of Deny statements that could apply, made on
first use. In a table, resource patterns are found by their literal beginning: one dictionary for
whole names, and one for each distinct length of a beginning. ``arn:...:invoice/*`` needs no
further check once its beginning was found.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property

from iam_policy.compile import CompiledPolicy, CompiledStatement
from iam_policy.decision import Layer, Match
from iam_policy.selection import Candidate, Selection
from iam_policy.variables import Env

_MANY = 8  # candidates at one beginning, from which on to look closer
_MEMO_SIZE = 1_024  # action names come from callers: a hostile one must not fill the memory


class Entry:
    """A statement inside a set, under the label its policy was given."""

    __slots__ = ("_match", "condition", "label", "statement")

    def __init__(self, label: str, statement: CompiledStatement) -> None:
        self.label = label
        self.statement = statement
        self.condition = statement.condition
        self._match: Match | None = None

    def match(self, layer: Layer) -> Match:
        """Return the report of this statement in a layer, made once: it costs half a decision."""
        found = self._match
        if found is None or found.layer is not layer:  # a set stands in one layer, mostly
            statement = self.statement
            found = Match(layer, self.label, statement.index, statement.sid, statement.effect)
            self._match = found
        return found


Candidates = list[Candidate] | Selection


class ResourceTable:
    """Statements of one effect that match one action, found by resource.

    Attributes:
        sure: A statement that applies whatever the resource and the context are, or None.
    """

    __slots__ = ("_exact", "_excepting", "_prefixes", "sure")

    def __init__(self, entries: Sequence[Entry]) -> None:
        excepting: list[Candidate] = []
        exact: dict[str, list[Candidate]] = {}
        by_length: dict[int, dict[str, list[Candidate]]] = {}
        for entry in entries:
            statement = entry.statement
            if statement.not_resource:
                excepting.append((statement.matches_resource, entry.condition, entry))
                continue
            if not statement.resources:  # a trust policy: the role itself, whatever it is called
                everything = by_length.setdefault(0, {}).setdefault("", [])
                everything.append((None, entry.condition, entry))
            for pattern in statement.resources:
                length = len(pattern.prefix)
                table = exact if pattern.exact else by_length.setdefault(length, {})
                found = table.setdefault(pattern.prefix, [])
                found.append((pattern.test, entry.condition, entry))
        everywhere = by_length.get(0, {}).get("", ())
        sure = (
            entry for test, condition, entry in everywhere if test is None and condition is None
        )
        self.sure = next(sure, None)
        self._excepting = _sifted(excepting)
        self._exact = _selected(exact)
        self._prefixes = [(length, _selected(by_length[length])) for length in sorted(by_length)]

    def first(self, resource: str, env: Env) -> Entry | None:
        """Return one statement that applies, or None."""
        if self.sure is not None:
            return self.sure
        for found in self._found(resource):
            for test, condition, entry in found if isinstance(found, list) else found.relevant(env):
                if (test is None or test(resource, env)) and (condition is None or condition(env)):
                    return entry
        return None

    def applying(self, resource: str, env: Env) -> list[Entry]:
        """Return the statements that apply; one may come twice, by two of its patterns."""
        applying = []
        for found in self._found(resource):
            for test, condition, entry in found if isinstance(found, list) else found.relevant(env):
                if (test is None or test(resource, env)) and (condition is None or condition(env)):
                    applying.append(entry)
        return applying

    def _found(self, resource: str) -> list[Candidates]:
        found = []
        if self._exact and (exact := self._exact.get(resource)) is not None:
            found.append(exact)
        for length, table in self._prefixes:  # a slice longer than the resource is in no table
            if (beginning := table.get(resource[:length])) is not None:
                found.append(beginning)
        if self._excepting:
            found.append(self._excepting)
        return found


def _sifted(candidates: list[Candidate]) -> Candidates:
    """Look closer where many have a condition."""
    conditions = [condition for _, condition, _ in candidates if condition is not None]
    return Selection(candidates) if len(conditions) > _MANY else candidates


def _selected(table: dict[str, list[Candidate]]) -> dict[str, Candidates]:
    return {text: _sifted(found) for text, found in table.items()}


Tables = tuple[ResourceTable | None, ResourceTable | None]
"""(Deny, Allow); None where no statement matches the action."""


class PolicySet:
    """The policies of one layer, indexed. Build one with `build_set` and keep it.

    Attributes:
        policies: Labels and documents, as given.
        findings: What is wrong with any of them; a finding denies.
        fits_resource: Nothing is wrong, and every statement has principals.
        fits_elsewhere: Nothing is wrong, and no statement has principals.
        entries: Every statement of every document, in order.
    """

    def __init__(self, policies: Iterable[tuple[str, CompiledPolicy]]) -> None:
        self.policies = tuple(policies)
        self.findings = tuple(
            f"{label}: {policy.finding}" for label, policy in self.policies if policy.finding
        )
        self.entries = tuple(
            [
                Entry(label, statement)
                for label, policy in self.policies
                for statement in policy.statements
            ]
        )
        named = [entry.statement.principals is not None for entry in self.entries]
        self.fits_resource = not self.findings and all(named)
        self.fits_elsewhere = not self.findings and not any(named)
        self._exact: dict[str, list[int]] = {}
        self._globs: dict[str | None, list[int]] = {}
        for place, entry in enumerate(self.entries):
            self._index_actions(place, entry.statement)
        self._memo: dict[str, Tables] = {}
        self._made: dict[tuple[int, ...], Tables] = {}

    def tables(self, action: str) -> Tables:
        """Return the Deny and the Allow statements that could apply to an action."""
        found = self._memo.get(action)
        if found is None:
            found = self._tables(tuple(sorted(self.places(action.lower()))))
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
                self._made.clear()
            self._memo[action] = found
        return found

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over labels and documents; sets with the same hash decide alike."""
        digest = hashlib.sha256()
        for label, policy in self.policies:
            name = label.encode(errors="surrogatepass")
            # The length keeps ("a", "bc") and ("ab", "c") apart.
            digest.update(f"{len(name)}:".encode() + name + policy.content_hash.encode())
        return digest.hexdigest()

    def _index_actions(self, place: int, statement: CompiledStatement) -> None:
        if statement.not_action:
            self._globs.setdefault(None, []).append(place)
            return
        for pattern in statement.actions:
            if pattern.matches is None:
                self._exact.setdefault(pattern.text, []).append(place)
            else:
                self._globs.setdefault(pattern.service, []).append(place)

    def places(self, action: str) -> set[int]:
        """Return the places, in `entries`, of the statements that match an action in lower case."""
        places = set(self._exact.get(action, ()))
        service = action.partition(":")[0]
        for place in (*self._globs.get(service, ()), *self._globs.get(None, ())):
            if place not in places and self.entries[place].statement.matches_action(action):
                places.add(place)
        return places

    def _tables(self, places: tuple[int, ...]) -> Tables:
        found = self._made.get(places)  # other names of actions match the same statements
        if found is None:
            entries = [self.entries[place] for place in places]
            found = (
                _table([entry for entry in entries if entry.statement.effect == "Deny"]),
                _table([entry for entry in entries if entry.statement.effect == "Allow"]),
            )
            self._made[places] = found
        return found


def build_set(policies: Iterable[tuple[str, CompiledPolicy]]) -> PolicySet:
    """Index policies, each under a label (its ARN, or ``inline:name``) that decisions report."""
    return PolicySet(policies)


EMPTY = PolicySet(())


def _table(entries: Sequence[Entry]) -> ResourceTable | None:
    return ResourceTable(entries) if entries else None
