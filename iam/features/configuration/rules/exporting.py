"""A state as a document: what is at its default is left out, and the order is always the same."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from iam.features.configuration.rules.reading import NAME, SECTIONS
from iam.features.configuration.rules.shapes import ATTRIBUTES, DOCUMENTS, Item, Key, Kind, State

_ALWAYS: Final = frozenset({"policies", "members", "targets"})
"""Lists that are told even when they are empty: what gives somebody access is meant exactly."""


def exported(state: State, *, name: str, sections: frozenset[str]) -> dict[str, Any]:
    """What nobody else manages, as a document of this configuration; all sections, or these."""
    document: dict[str, Any] = {NAME: name}
    for section, kind in SECTIONS.items():
        if sections and section not in sections:
            continue
        found = exportable(state, kind, name=name)
        if found:
            document[section] = {item.name: _described(item) for item in found}
    return document


def exportable(state: State, kind: Kind, *, name: str) -> list[Item]:
    """The objects of a kind that a configuration of this name manages, or could."""

    def may(key: Key) -> bool:
        return state.owners.get(key) in {None, name}

    found = [item for item in state.of(kind) if not item.is_shipped and may(item.key)]
    if kind is Kind.GUARDRAIL and state.account != "main":
        return []  # they bind the account, and are not its own
    return sorted(found, key=lambda item: (item.name.casefold(), item.name))


def _described(item: Item) -> Any:
    if item.kind is Kind.RESOURCE_POLICY:
        return _ordered(item.attributes["document"])
    if item.kind is Kind.ACTION_CATALOGUE:
        return {"owner": item.attributes["owner"], **item.attributes["catalogue"]}
    defaults = ATTRIBUTES[item.kind]
    return {
        attribute: _VALUES.get(attribute, _plain)(item.attributes[attribute])
        for attribute, default in defaults.items()
        if attribute in _ALWAYS or item.attributes[attribute] != default
    }


def _plain(value: Any) -> Any:
    return value


def _inline(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _ordered(document) for name, document in value.items()}


_ORDER: Final = (
    "Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action",
    "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip


def _ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    """A policy document with its elements in the order in which people write them."""

    def place(element: str) -> int:
        return _ORDER.index(element) if element in _ORDER else len(_ORDER)

    found = {element: document[element] for element in sorted(document, key=place)}
    statement = found.get("Statement")
    if isinstance(statement, list):
        found["Statement"] = [_ordered(one) for one in statement]
    elif isinstance(statement, Mapping):
        found["Statement"] = _ordered(statement)
    return found


_VALUES: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(DOCUMENTS, _ordered),
    "inline_policies": _inline,
}
