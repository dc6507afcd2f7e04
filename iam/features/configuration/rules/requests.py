"""Requests that a statement could be about: its patterns, with something in place of wildcards."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import Final, NamedTuple

from iam.authz.catalogues import own_catalogues
from iam.authz.overlaps import patterns_overlap
from iam.features.configuration.rules.grants import Held
from iam.features.configuration.rules.shapes import Item, Kind, State
from iam_policy import is_canonical
from iam_policy.catalogue import ActionCatalogue, CatalogueError, parse_catalogue

_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
_SEGMENTS: Final = 6
_SOME: Final = 3
"""Actions that stand for a wildcard."""
_ACTIONS: Final = 8
_MOST: Final = 12
"""Requests for one statement."""
_EXAMPLE: Final = "example"


class Asked(NamedTuple):
    """One request."""

    action: str
    resource: str


class Requests:
    """Makes up requests, with the actions that services of the account have registered."""

    def __init__(self, state: State) -> None:
        self._state = state
        registered = [_parsed(one) for one in state.of(Kind.ACTION_CATALOGUE)]
        self._catalogues = [*filter(None, registered), *own_catalogues()]
        self._known = [
            f"{catalogue.prefix}:{action.name}"
            for catalogue in self._catalogues
            for action in catalogue.actions
        ]
        self._formats = dict(self._resources())
        self._found: dict[str, list[str]] = {}

    def about(self, held: Held, subject: Item, *, of: str | None = None) -> list[Asked]:
        """Some requests of this principal that the statement may be about.

        `of` is the resource whose policy it stands in, which `*` means there.
        """
        actions = list(islice(self._actions(held), _ACTIONS))
        patterns = [of or one if one == "*" else one for one in held.listed("Resource") or ["*"]]
        found = (
            Asked(action, resource)
            for action, pattern in product(actions, patterns)
            for resource in [self._resource(pattern, action, subject)]
            if resource == "*" or is_canonical(resource)
        )
        return list(islice(dict.fromkeys(found), _MOST))

    def _actions(self, held: Held) -> Iterator[str]:
        excepted = held.listed("NotAction")
        if excepted:
            yield from (one for one in self._known if not _is_any(one, excepted))
        for pattern in held.listed("Action"):
            if "*" not in pattern and "?" not in pattern:
                yield pattern
                continue
            yield from self._some(pattern)
            if (
                ":" in pattern
            ):  # and one that nobody registered: what is known may be allowed already
                yield _filled(pattern, "Example")

    def _some(self, pattern: str) -> list[str]:
        """A few registered actions that match; looked for once."""
        found = self._found.get(pattern)
        if found is None:
            matching = (
                one for one in self._known if patterns_overlap(pattern.lower(), one.lower())
            )
            found = self._found[pattern] = list(islice(matching, _SOME))
        return found

    def _resource(self, pattern: str, action: str, subject: Item) -> str:
        if pattern == "*":
            return self._formats.get(action.lower(), "*")
        parts = _VARIABLE.sub(lambda found: self._value(found[1], subject), pattern).split(":", 5)
        if len(parts) == _SEGMENTS:
            given = {2: action.partition(":")[0], 3: "", 4: self._state.account}
            for place, value in given.items():
                parts[place] = value if parts[place] == "*" else parts[place]
        return _filled(":".join(parts), _EXAMPLE)

    def _value(self, variable: str, subject: Item) -> str:
        key = variable.partition(",")[0].strip().lower().partition(":")[2]
        if key.startswith("principaltag/"):
            tags: Mapping[str, str] = subject.attributes.get("tags", {})
            folded = {name.casefold(): value for name, value in tags.items()}
            return folded.get(key.partition("/")[2], _EXAMPLE)
        known = {
            "username": subject.name,
            "userid": subject.id or _EXAMPLE,
            "principalaccount": self._state.account,
        }
        return known.get(key, _EXAMPLE)

    def _resources(self) -> Iterator[tuple[str, str]]:
        """An ARN for each action that its catalogue names a type of resource for."""
        for catalogue in self._catalogues:
            types = {one.name: one.arn_format for one in catalogue.resource_types}
            for action in catalogue.actions:
                named = [types[name] for name in action.resource_types if name in types]
                if named:
                    yield f"{catalogue.prefix}:{action.name}".lower(), self._written(named[0])

    def _written(self, arn_format: str) -> str:
        given = {"partition": self._state.partition, "account": self._state.account, "region": ""}
        found = arn_format.replace("/${Path}${Name}", "/${Name}")
        return _VARIABLE.sub(lambda one: given.get(one[1].lower(), _EXAMPLE), found)


def _is_any(action: str, patterns: Sequence[str]) -> bool:
    return any(patterns_overlap(pattern.lower(), action.lower()) for pattern in patterns)


def _filled(pattern: str, word: str) -> str:
    return re.sub(r"\*+", word, pattern).replace("?", "x")


def _parsed(item: Item) -> ActionCatalogue | None:
    document = {"prefix": item.name, **item.attributes["catalogue"]}
    return _parsed_text(json.dumps(document))


@lru_cache(maxsize=64)
def _parsed_text(text: str) -> ActionCatalogue | None:
    try:
        return parse_catalogue(text)
    except CatalogueError:
        return None
