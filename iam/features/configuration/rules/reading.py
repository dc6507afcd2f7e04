"""A document, read into what it wants: every defect is reported at once, with its JSON path."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from iam.errors import invalid
from iam.features.catalogues.rules import check_free, checked_catalogue
from iam.features.configuration.rules import values
from iam.features.configuration.rules.defects import Place
from iam.features.configuration.rules.shapes import Attributes, Key, Kind
from iam.features.configuration.rules.values import REFUSED, Read, Terms
from iam.features.policies.rules import is_shipped_name
from iam.features.principals.rules import MAX_GROUP_OR_POLICY_NAME, check_name
from iam_policy.defects import shown

NAME: Final = "configuration"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
GROUPS: Final = "groups"
"""What a principal says of its memberships; a group says the same from its side (`members`)."""

SECTIONS: Final[Mapping[str, Kind]] = {
    "policies": Kind.POLICY,
    "groups": Kind.GROUP,
    "users": Kind.USER,
    "services": Kind.SERVICE,
    "roles": Kind.ROLE,
    "action_catalogues": Kind.ACTION_CATALOGUE,
    "resource_policies": Kind.RESOURCE_POLICY,
    "guardrails": Kind.GUARDRAIL,
}
"""The sections of a document, in the order of an export."""
_GUARDED: Final = "main"
_COMING: Final = ("applications", "connections")
"""Sections that later releases will know: said so, rather than taken for a slip."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a document says of one object.

    Attributes:
        kind: What it is.
        name: Its name as it is written there.
        given: The attributes that it mentions, in the form of states.
        mentioned: The names of the attributes that it mentions, the defective ones too.
        groups: The groups that it says a principal is in; `None` where it does not say.
        place: Where it stands.
    """

    kind: Kind
    name: str
    given: Attributes
    mentioned: frozenset[str]
    groups: tuple[str, ...] | None
    place: Place

    @property
    def key(self) -> Key:
        """What it is known by."""
        return Key.of(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Reading:
    """A document that was read.

    Attributes:
        name: The configuration that it is of.
        wanted: Its objects by key.
        found: What is wrong with it; empty if nothing is.
    """

    name: str
    wanted: Mapping[Key, Wanted]
    found: list[dict[str, str]] = field(default_factory=list)


def read(document: Mapping[str, Any], terms: Terms) -> Reading:
    """Read a document as far as it makes sense by itself."""
    top = Place()
    name = document.get(NAME)
    if not is_name(name):
        top.member(NAME).expected("the name of this configuration in lower case", name)
    wanted: dict[Key, Wanted] = {}
    for section, place, content in top.members(dict(document)):
        if SECTIONS.get(section) is Kind.GUARDRAIL and terms.account != _GUARDED:
            place.refuse(f"only account `{_GUARDED}` looks after guardrails")
        elif section in SECTIONS:
            _read_section(SECTIONS[section], place, content, terms, wanted)
        elif section in _COMING:
            place.refuse(f"this release knows no {section} yet; describe them when it does")
        elif section != NAME:
            place.refuse(f"unknown section; expected one of {', '.join([NAME, *SECTIONS])}")
    return Reading(str(name), wanted, top.found)


def is_name(name: object) -> bool:
    """Whether a configuration may be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _read_section(
    kind: Kind, place: Place, content: Any, terms: Terms, wanted: dict[Key, Wanted]
) -> None:
    for name, at, one in place.members(content):
        found = _read_object(kind, name, at, one, terms)
        if found.key in wanted:
            at.refuse(f"`{wanted[found.key].name}` is the same name: case makes no difference")
        wanted[found.key] = found


def _read_object(kind: Kind, name: str, place: Place, content: Any, terms: Terms) -> Wanted:
    place.checked(partial(_check_name, kind, name))
    given: dict[str, Any] = {}
    if kind is Kind.RESOURCE_POLICY:
        given["document"] = values.resource_policy(name)(content, place, terms)
    elif kind is Kind.ACTION_CATALOGUE:
        given = _catalogue(name, place, content, terms)
    else:
        given = _attributes(kind, name, place, content, terms)
    mentioned = frozenset(given)
    groups = given.pop(GROUPS, None)
    given = {attribute: value for attribute, value in given.items() if value is not REFUSED}
    stated = tuple(groups) if isinstance(groups, list) else None
    return Wanted(kind, name, given, mentioned, stated, place)


def _attributes(kind: Kind, name: str, place: Place, content: Any, terms: Terms) -> dict[str, Any]:
    readers: dict[str, Read] = dict(_READERS[kind])
    if kind is Kind.GUARDRAIL:
        readers["document"] = values.guardrail(name.partition("/")[0])
    given: dict[str, Any] = {}
    # A name with nothing behind it, as `finance:` in YAML, is an object with its defaults.
    for attribute, at, value in place.members({} if content is None else content):
        if attribute in readers:
            given[attribute] = readers[attribute](value, at, terms)
        else:
            at.refuse(f"unknown; expected one of {', '.join(readers)}")
    return given


def _catalogue(prefix: str, place: Place, content: Any, terms: Terms) -> dict[str, Any]:
    if not isinstance(content, dict):
        place.expected("an object", content)
        return {}
    document = {name: value for name, value in content.items() if name != "owner"}
    if "prefix" in document:
        place.member("prefix").refuse("the prefix is the name of the catalogue; leave it out here")
    check = partial(checked_catalogue, {**document, "prefix": prefix}, prefix=prefix)
    text = place.checked(check)
    given = {"catalogue": REFUSED if text is None else _without_prefix(text)}
    if "owner" in content:
        given["owner"] = values.service(content["owner"], place.member("owner"), terms)
    return given


def _without_prefix(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    del document["prefix"]
    return document


def _check_name(kind: Kind, name: str) -> None:
    if kind in _CHECKS:
        _CHECKS[kind](name)


def _check_policy(name: str) -> None:
    check_name(name, maximum=MAX_GROUP_OR_POLICY_NAME)
    if is_shipped_name(name):
        raise invalid("name_taken", f"`{name}` comes with the software; nobody can change it")


def _check_guardrail(name: str) -> None:
    kind, slash, rest = name.partition("/")
    if kind not in {"scp", "rcp"} or not slash:
        raise invalid("name_invalid", f"expected `scp/NAME` or `rcp/NAME`, found {shown(name)}")
    check_name(rest, maximum=MAX_GROUP_OR_POLICY_NAME)


_CHECKS: Final[Mapping[Kind, Callable[[str], None]]] = {
    Kind.POLICY: _check_policy,
    Kind.GROUP: partial(check_name, maximum=MAX_GROUP_OR_POLICY_NAME),
    Kind.USER: check_name,
    Kind.SERVICE: check_name,
    Kind.ROLE: check_name,
    Kind.ACTION_CATALOGUE: check_free,
    Kind.GUARDRAIL: _check_guardrail,
}
_NAMED: Final[Mapping[str, Read]] = {"path": values.path, "description": values.text}
_HOLDER: Final[Mapping[str, Read]] = {
    "policies": values.each(values.policy),
    "inline_policies": values.inline,
}
_PRINCIPAL: Final[Mapping[str, Read]] = {
    **_NAMED,
    "tags": values.tags,
    "permissions_boundary": values.maybe_policy,
    **_HOLDER,
}
_MEMBER: Final[Mapping[str, Read]] = {**_PRINCIPAL, GROUPS: values.each(values.group)}
_READERS: Final[Mapping[Kind, Mapping[str, Read]]] = {
    Kind.POLICY: {**_NAMED, "tags": values.tags, "document": values.identity},
    Kind.GROUP: {**_NAMED, **_HOLDER, "members": values.each(values.member)},
    Kind.USER: {"display_name": values.words, "email": values.email, **_MEMBER},
    Kind.SERVICE: {"owner": values.owner, "audiences": values.each(values.audience), **_MEMBER},
    Kind.ROLE: {
        "trust_policy": values.trust,
        "max_session_seconds": values.seconds,
        **_PRINCIPAL,
    },
    Kind.GUARDRAIL: {
        "description": values.text,
        "document": values.trust,
        "targets": values.each(values.target),
    },
}
