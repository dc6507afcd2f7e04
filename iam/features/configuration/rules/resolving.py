"""The state that a document wants: the account as it is, with what the document says instead."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from iam.features.configuration.rules.defects import Place
from iam.features.configuration.rules.reading import GROUPS, Reading, Wanted
from iam.features.configuration.rules.shapes import (
    ATTRIBUTES,
    HOLDERS,
    MEMBERS,
    PRINCIPALS,
    REQUIRED,
    Item,
    Key,
    Kind,
    State,
)
from iam.features.policies.rules import check_addressable
from iam.features.principal_elements.rules import named_principals
from iam.features.principals.rules import parse_reference
from iam.kit.ids import is_id
from iam_policy.defects import shown

_NEVER_CHANGES: Final = {Kind.ACTION_CATALOGUE: "owner"}


def wanted_state(reading: Reading, actual: State, *, prunes: bool) -> State:
    """The state after everything that the document says; notes in it what cannot be.

    With `prunes`, what the configuration manages and the document no longer has is gone.
    """
    return _Resolving(reading, actual, prunes=prunes).resolve()


@dataclass(frozen=True, slots=True)
class _Named:
    """What an attribute names: which kinds of object, in which words."""

    kinds: tuple[Kind, ...]
    has_kind: bool = True


_REFERENCES: Final[Mapping[str, _Named]] = {
    "policies": _Named((Kind.POLICY,), has_kind=False),
    "permissions_boundary": _Named((Kind.POLICY,), has_kind=False),
    "owner": _Named((Kind.GROUP, Kind.USER, Kind.SERVICE)),
    "members": _Named(MEMBERS),
}


class _Resolving:
    def __init__(self, reading: Reading, actual: State, *, prunes: bool) -> None:
        self._reading = reading
        self._actual = actual
        self._items = dict(actual.items)
        self._gone = set(self._pruned()) if prunes else set()

    def resolve(self) -> State:
        for key in self._gone:
            del self._items[key]
        for wanted in self._reading.wanted.values():
            self._describe(wanted)
        for wanted in self._reading.wanted.values():
            self._name_as_stored(wanted)
        self._let_members_go()
        self._join_groups()
        self._check_what_is_left()
        return replace(self._actual, items=self._items)

    def _pruned(self) -> Iterator[Key]:
        for key, owner in self._actual.owners.items():
            is_described = key in self._reading.wanted
            if owner == self._reading.name and key in self._items and not is_described:
                yield key

    def _describe(self, wanted: Wanted) -> None:
        present = self._items.get(wanted.key)
        owner = self._actual.owners.get(wanted.key)
        if owner not in {None, self._reading.name}:
            wanted.place.refuse(f"configuration `{owner}` manages it")
        if present is None:
            self._create(wanted)
            return
        if present.is_shipped:
            wanted.place.refuse("it comes with the software; nobody can change it")
        for attribute in ("path", _NEVER_CHANGES.get(wanted.kind, "path")):
            before, after = (one.get(attribute) for one in (present.attributes, wanted.given))
            if after is not None and before != after:
                message = f"it is {shown(before)} and can never change; delete it, and make another"
                wanted.place.member(attribute).refuse(message)
        attributes = {**present.attributes, **wanted.given}
        self._items[wanted.key] = replace(present, attributes=attributes)

    def _create(self, wanted: Wanted) -> None:
        defaults = ATTRIBUTES[wanted.kind]
        for attribute, default in defaults.items():
            if default is REQUIRED and attribute not in wanted.mentioned:
                wanted.place.refuse(f"`{attribute}` is missing, which what is new needs")
        if wanted.kind is Kind.POLICY:
            path = wanted.given.get("path", "/")
            wanted.place.checked(lambda: check_addressable(path, wanted.name))
        attributes = {**defaults, **wanted.given}
        self._items[wanted.key] = Item(wanted.kind, wanted.name, attributes)

    def _name_as_stored(self, wanted: Wanted) -> None:
        """Write what it names as that is called, and note what is not there."""
        given: dict[str, Any] = {}
        for attribute, named in _REFERENCES.items():
            value = wanted.given.get(attribute)
            if isinstance(value, list):
                place = wanted.place.member(attribute)
                found = [self._named(one, named, place) for one in value]
                given[attribute] = sorted(one for one in found if one is not None)
            elif value is not None:
                given[attribute] = self._named(value, named, wanted.place.member(attribute))
        item = self._items[wanted.key]
        self._items[wanted.key] = replace(item, attributes={**item.attributes, **given})
        self._check_principals(wanted)

    def _named(self, text: str, named: _Named, place: Place) -> str | None:
        kind, _, name = text.partition("/") if named.has_kind else (named.kinds[0], "", text)
        found = self._items.get(Key.of(Kind(kind), name))
        if found is None:
            place.refuse(f"there is no {kind} `{name}`, here or in the account")
            return None
        return str(found) if named.has_kind else found.name

    def _check_principals(self, wanted: Wanted) -> None:
        """Whether a trust or resource policy names only whom there is."""
        attribute = {Kind.ROLE: "trust_policy", Kind.RESOURCE_POLICY: "document"}.get(wanted.kind)
        document = wanted.given.get(attribute or "")
        if attribute is None or document is None:
            return
        place = wanted.place.member(attribute) if wanted.kind is Kind.ROLE else wanted.place
        for named in named_principals(document):
            is_arn = named.is_by_arn and named.value.startswith("arn:")
            if is_arn and not is_id(named.value) and not self._is_there(named.value):
                Place(place.path + named.path.removeprefix("$"), place.found).refuse(
                    f"there is no principal `{named.value[:128]}`, here or in the account"
                )

    def _is_there(self, arn: str) -> bool:
        state = self._actual
        if arn.startswith(f"arn:{state.partition}:iam::") and arn.endswith(":root"):
            return True  # an account; whether there is one is seen when it is applied
        reference = parse_reference(arn, partition=state.partition, account=state.account)
        if reference is None or reference.kind not in PRINCIPALS:
            return False
        found = self._items.get(Key.of(Kind(reference.kind), reference.key))
        return found is not None and state.arn(found) == arn

    def _let_members_go(self) -> None:
        """Whoever is deleted is in no group any more."""
        gone = {str(self._actual.items[key]) for key in self._gone}
        for group in self._groups():
            self._set_members(group, set(group.attributes["members"]) - gone)

    def _join_groups(self) -> None:
        """What principals say of their groups; both sides may, and must not contradict."""
        # By member: to look at every group for everybody takes minutes where there are many.
        is_in: dict[str, set[Key]] = {}
        for group in self._groups():
            for member in group.attributes["members"]:
                is_in.setdefault(member, set()).add(group.key)
        for wanted in self._reading.wanted.values():
            if wanted.groups is None:
                continue
            place = wanted.place.member(GROUPS)
            stated = {Key.of(Kind.GROUP, name.partition("/")[2]) for name in wanted.groups}
            for name in wanted.groups:
                self._named(name, _Named((Kind.GROUP,)), place)
            me = str(self._items[wanted.key])
            for key in sorted((stated | is_in.get(me, set())) & self._items.keys()):
                self._join(me, self._items[key], place, joins=key in stated)

    def _join(self, me: str, group: Item, place: Place, *, joins: bool) -> None:
        members = set(group.attributes["members"])
        described = self._reading.wanted.get(group.key)
        if described is None or "members" not in described.mentioned:
            self._set_members(group, members | {me} if joins else members - {me})
        elif joins != (me in members):
            place.refuse(f"`{group}` says otherwise about it in its `members`")

    def _groups(self) -> list[Item]:
        return [item for item in self._items.values() if item.kind is Kind.GROUP]

    def _set_members(self, group: Item, members: set[str]) -> None:
        if members != set(group.attributes["members"]):
            attributes = {**group.attributes, "members": sorted(members)}
            self._items[group.key] = replace(group, attributes=attributes)

    def _check_what_is_left(self) -> None:
        """Nothing that stays may need what is deleted."""
        top = Place("$", self._reading.found)
        for key in self._gone:
            gone = self._actual.items[key]
            for item in self._items.values():
                if item.key not in self._reading.wanted and _needs(item, gone):
                    top.refuse(f"`{gone}` cannot be deleted: `{item}` still needs it")


def _needs(item: Item, gone: Item) -> bool:
    attributes = item.attributes
    if attributes.get("owner") == str(gone):
        return True
    if gone.kind is not Kind.POLICY or item.kind not in HOLDERS:
        return False
    return (
        gone.name in attributes["policies"] or attributes.get("permissions_boundary") == gone.name
    )
