"""Many compiled documents as one lookup structure: a decision costs the same for 1 or 1,000.

For each action the set keeps two tables, of Allow and of Deny statements that could apply, made on
first use. In a table, resource patterns are found by their literal beginning: one dictionary for
whole names, and one for each distinct length of a beginning. ``arn:...:invoice/*`` needs no
further check once its beginning was found.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from iam_policy.compile import CompiledPolicy, CompiledStatement
from iam_policy.conditions import Condition
from iam_policy.decision import Layer, Match
from iam_policy.variables import Env

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


Candidate = tuple[Callable[[str, Env], bool] | None, Condition | None, Entry]
"""What is left to check once the beginning of the resource was found: the rest, the condition."""


class ResourceTable:
    """Statements of one effect that match one action, found by resource.

    Attributes:
        sure: A statement that applies whatever the resource and the context are, or None.
    """

    __slots__ = ("_anything", "_exact", "_excepting", "_prefixes", "sure")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._anything: list[Entry] = []
        self._excepting: list[Entry] = []
        self._exact: dict[str, list[Entry]] = {}
        by_length: dict[int, dict[str, list[Candidate]]] = {}
        for entry in entries:
            if entry.statement.not_resource:
                self._excepting.append(entry)
            elif not entry.statement.resources:
                self._anything.append(entry)
            for pattern in () if entry.statement.not_resource else entry.statement.resources:
                if pattern.exact:
                    self._exact.setdefault(pattern.prefix, []).append(entry)
                elif not pattern.prefix and pattern.test is None:
                    self._anything.append(entry)
                else:
                    table = by_length.setdefault(len(pattern.prefix), {})
                    found = table.setdefault(pattern.prefix, [])
                    found.append((pattern.test, entry.condition, entry))
        self.sure = next((entry for entry in self._anything if entry.condition is None), None)
        self._prefixes = sorted(by_length.items())

    def first(self, resource: str, env: Env) -> Entry | None:
        """Return one statement that applies, or None."""
        if self.sure is not None:
            return self.sure
        for entry in self._anything:
            if entry.condition is not None and entry.condition(env):
                return entry
        for entry in self._exact.get(resource, ()):
            if entry.condition is None or entry.condition(env):
                return entry
        for length, table in self._prefixes:  # a slice longer than the resource is in no table
            for test, condition, entry in table.get(resource[:length], ()):
                if (test is None or test(resource, env)) and (condition is None or condition(env)):
                    return entry
        return self._first_excepting(resource, env) if self._excepting else None

    def every(self, resource: str, env: Env) -> Iterator[Entry]:
        """Yield the statements that apply; one may come twice, by two of its patterns."""
        for entry in self._candidates(resource, env):
            if entry.condition is None or entry.condition(env):
                yield entry

    def _candidates(self, resource: str, env: Env) -> Iterator[Entry]:
        yield from self._anything
        yield from self._exact.get(resource, ())
        for length, table in self._prefixes:
            for test, _, entry in table.get(resource[:length], ()):
                if test is None or test(resource, env):
                    yield entry
        for entry in self._excepting:
            if entry.statement.matches_resource(resource, env):
                yield entry

    def _first_excepting(self, resource: str, env: Env) -> Entry | None:
        for entry in self._excepting:
            if entry.statement.matches_resource(resource, env) and (
                entry.condition is None or entry.condition(env)
            ):
                return entry
        return None


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

    def tables(self, action: str) -> Tables:
        """Return the Deny and the Allow statements that could apply to an action."""
        found = self._memo.get(action)
        if found is None:
            found = self._tables(action.lower())
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
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

    def _tables(self, action: str) -> Tables:
        entries = [self.entries[place] for place in sorted(self.places(action))]
        return (
            _table([entry for entry in entries if entry.statement.effect == "Deny"]),
            _table([entry for entry in entries if entry.statement.effect == "Allow"]),
        )


def build_set(policies: Iterable[tuple[str, CompiledPolicy]]) -> PolicySet:
    """Index policies, each under a label (its ARN, or ``inline:name``) that decisions report."""
    return PolicySet(policies)


EMPTY = PolicySet(())


def _table(entries: Sequence[Entry]) -> ResourceTable | None:
    return ResourceTable(entries) if entries else None
