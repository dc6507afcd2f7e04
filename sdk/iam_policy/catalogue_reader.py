"""Reads the JSON of an action catalogue; `iam_policy.catalogue` is its door."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from iam_policy.catalogue import (
    TAIL,
    AccessLevel,
    ActionCatalogue,
    ActionEntry,
    CatalogueError,
    KeyEntry,
    KeyType,
    ResourceType,
)
from iam_policy.defects import shown, shown_member
from iam_policy.document import Defect
from iam_policy.names import SEGMENTS
from iam_policy.strict_json import JsonError, JsonLimits, parse_json

_LIMITS: Final = JsonLimits(max_bytes=512 << 10, max_depth=6, max_total=20_000)
_MAX_ENTRIES: Final = 1_000
_MAX_DESCRIPTION: Final = 1_000
_GLOBAL: Final = ("aws", "iam")

_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,62}")
_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]{0,127}")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_KEY = re.compile(r"[a-z][a-z0-9-]{0,62}:[A-Za-z][A-Za-z0-9.:-]{0,127}(?:/\$\{TagKey\})?")
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z][A-Za-z0-9]{0,63}\}")
_ARN = re.compile(r"[A-Za-z0-9_:/.@=+,-]{1,512}")

_Word = TypeVar("_Word", bound=StrEnum)


class CatalogueReader:
    """Reads one catalogue and collects what is wrong with it."""

    def __init__(self) -> None:
        self._defects: list[Defect] = []
        self._is_whole = True

    def read(self, text: str | bytes) -> ActionCatalogue:
        """Return the catalogue; raises `CatalogueError` with every defect found."""
        try:
            document = parse_json(text, _LIMITS)
        except JsonError as error:
            defect = Defect("$", error.reason, "a JSON action catalogue")
            raise CatalogueError((defect,)) from None
        if not isinstance(document, dict):
            self._report("$", document, "an object with prefix and actions")
            raise CatalogueError(tuple(self._defects))
        catalogue = self._catalogue(document)
        if self._defects:
            raise CatalogueError(tuple(self._defects))
        return catalogue

    def _report(self, path: str, found: object, expected: str) -> None:
        self._defects.append(Defect(path, shown(found), expected))

    def _catalogue(self, document: Mapping[str, Any]) -> ActionCatalogue:
        members = ("prefix", "actions", "resource_types", "condition_keys")
        self._refuse_unknown(document, "$", members)
        prefix = self._word(document, "$", "prefix", _PREFIX, "lower-case letters, digits, hyphens")
        if document.get("actions") in (None, []):
            self._report("$.actions", document.get("actions"), "a list of at least one action")
        keys = tuple(
            self._key(one, path, prefix) for path, one in self._entries(document, "condition_keys")
        )
        types = tuple(
            self._resource_type(one, path)
            for path, one in self._entries(document, "resource_types")
        )
        actions = tuple(self._action(one, path) for path, one in self._entries(document, "actions"))
        catalogue = ActionCatalogue(prefix, actions, types, keys)
        if self._is_whole:  # else the places of entries would not be those of the text
            self._check_names(catalogue)
            self._check_references(catalogue)
        return catalogue

    def _refuse_unknown(self, found: Mapping[str, Any], path: str, known: Iterable[str]) -> None:
        for name in found:
            if name not in known:
                expected = "one of " + ", ".join(sorted(known))
                self._defects.append(Defect(f"{path}{shown_member(name)}", "this member", expected))

    def _entries(self, document: Mapping[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
        found = document.get(name, [])
        if not isinstance(found, list) or len(found) > _MAX_ENTRIES:
            if found is not None:
                self._report(f"$.{name}", found, f"a list of at most {_MAX_ENTRIES} objects")
            return []
        entries: list[tuple[str, dict[str, Any]]] = []
        for index, one in enumerate(found):
            path = f"$.{name}[{index}]"
            if isinstance(one, dict):
                entries.append((path, one))
            else:
                self._report(path, one, "an object")
                self._is_whole = False
        return entries

    def _action(self, found: Mapping[str, Any], path: str) -> ActionEntry:
        members = ("name", "access_level", "resource_types", "condition_keys", "description")
        self._refuse_unknown(found, path, members)
        description = found.get("description", "")
        if not isinstance(description, str) or len(description) > _MAX_DESCRIPTION:
            expected = f"a text of at most {_MAX_DESCRIPTION} characters"
            self._report(f"{path}.description", description, expected)
        return ActionEntry(
            name=self._word(found, path, "name", _ACTION, "letters and digits, GetInvoice"),
            access_level=self._choice(found, path, "access_level", AccessLevel),
            resource_types=self._names(found, path, "resource_types"),
            condition_keys=self._names(found, path, "condition_keys"),
            description=str(description),
        )

    def _resource_type(self, found: Mapping[str, Any], path: str) -> ResourceType:
        self._refuse_unknown(found, path, ("name", "arn_format", "condition_keys"))
        arn_format = found.get("arn_format")
        if not isinstance(arn_format, str) or not _is_arn_format(arn_format):
            expected = "an ARN of six segments, with ${Word} for what differs"
            self._report(f"{path}.arn_format", arn_format, expected)
        return ResourceType(
            name=self._word(found, path, "name", _TYPE, "letters, digits and hyphens"),
            arn_format=str(arn_format),
            condition_keys=self._names(found, path, "condition_keys"),
        )

    def _key(self, found: Mapping[str, Any], path: str, prefix: str) -> KeyEntry:
        self._refuse_unknown(found, path, ("name", "type"))
        expected = f"{prefix or 'prefix'}:Name, or {prefix or 'prefix'}:Name/{TAIL}"
        name = self._word(found, path, "name", _KEY, expected)
        if name and prefix and name.partition(":")[0] not in (prefix, *_GLOBAL):
            self._report(f"{path}.name", name, expected)
        return KeyEntry(name, self._choice(found, path, "type", KeyType))

    def _word(
        self,
        found: Mapping[str, Any],
        path: str,
        member: str,
        pattern: re.Pattern[str],
        expected: str,
    ) -> str:
        value = found.get(member)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self._report(f"{path}.{member}", value, expected)
        return ""

    def _choice(
        self, found: Mapping[str, Any], path: str, member: str, choices: type[_Word]
    ) -> _Word:
        value = found.get(member)
        for choice in choices:
            if value == choice.value:
                return choice
        words = ", ".join(choice.value for choice in choices)
        self._report(f"{path}.{member}", value, f"one of {words}")
        return next(iter(choices))

    def _names(self, found: Mapping[str, Any], path: str, member: str) -> tuple[str, ...]:
        names = found.get(member, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self._report(f"{path}.{member}", names, "a list of names")
            return ()
        return tuple(names)

    def _check_names(self, catalogue: ActionCatalogue) -> None:
        lists: tuple[tuple[str, list[str]], ...] = (
            ("actions", [one.name for one in catalogue.actions]),
            ("resource_types", [one.name for one in catalogue.resource_types]),
            ("condition_keys", [one.name for one in catalogue.condition_keys]),
        )
        for member, names in lists:
            seen: set[str] = set()
            for index, name in enumerate(names):
                if name and name.lower() in seen:  # actions and keys match in any case
                    expected = "a name that no other has, in any case"
                    self._report(f"$.{member}[{index}].name", name, expected)
                seen.add(name.lower())

    def _check_references(self, catalogue: ActionCatalogue) -> None:
        """Refuse a name that the catalogue does not explain; global keys explain themselves."""
        types = {one.name for one in catalogue.resource_types}
        keys = {one.name.lower() for one in catalogue.condition_keys}
        for index, action in enumerate(catalogue.actions):
            path = f"$.actions[{index}]"
            for place, name in enumerate(action.resource_types):
                if name not in types:
                    self._report(f"{path}.resource_types[{place}]", name, "one of resource_types")
            self._check_keys(action.condition_keys, path, keys)
        for index, kind in enumerate(catalogue.resource_types):
            self._check_keys(kind.condition_keys, f"$.resource_types[{index}]", keys)

    def _check_keys(self, names: Iterable[str], path: str, known: set[str]) -> None:
        for place, name in enumerate(names):
            if name.lower() not in known and name.partition(":")[0] not in _GLOBAL:
                self._report(f"{path}.condition_keys[{place}]", name, "one of condition_keys")


def _is_arn_format(text: str) -> bool:
    plain = _PLACEHOLDER.sub("x", text)
    parts = plain.split(":", SEGMENTS - 1)
    complete = (
        len(parts) == SEGMENTS and parts[0] == "arn" and all(parts[place] for place in (1, 2, 5))
    )
    return complete and _ARN.fullmatch(plain) is not None
