"""What a document can describe, and what an account looks like in the same terms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final, NamedTuple

Document = Mapping[str, Any]
Attributes = Mapping[str, Any]


@unique
class Kind(StrEnum):
    """A kind of object, in the order in which they are made: what comes later needs the earlier."""

    POLICY = "policy"
    GROUP = "group"
    USER = "user"
    SERVICE = "service"
    ROLE = "role"
    ACTION_CATALOGUE = "action-catalogue"
    RESOURCE_POLICY = "resource-policy"
    GUARDRAIL = "guardrail"


PRINCIPALS: Final = (Kind.USER, Kind.SERVICE, Kind.ROLE)
MEMBERS: Final = (Kind.USER, Kind.SERVICE)
HOLDERS: Final = (Kind.GROUP, *PRINCIPALS)
DOCUMENTS: Final = frozenset({"document", "trust_policy"})
"""Attributes that are policy documents, which are compared by what they mean."""

_NAMED: Final[Attributes] = {"path": "/", "description": ""}
_HOLDER: Final[Attributes] = {"policies": [], "inline_policies": {}}
_PRINCIPAL: Final[Attributes] = {**_NAMED, "tags": {}, "permissions_boundary": None, **_HOLDER}
REQUIRED: Final = object()
"""Stands for the value of an attribute that has no default."""

ATTRIBUTES: Final[Mapping[Kind, Attributes]] = {
    Kind.POLICY: {**_NAMED, "tags": {}, "document": REQUIRED},
    Kind.GROUP: {**_NAMED, **_HOLDER, "members": []},
    Kind.USER: {"display_name": None, "email": None, **_PRINCIPAL},
    Kind.SERVICE: {"owner": REQUIRED, "audiences": [], **_PRINCIPAL},
    Kind.ROLE: {"trust_policy": REQUIRED, "max_session_seconds": 3600, **_PRINCIPAL},
    Kind.ACTION_CATALOGUE: {"owner": REQUIRED, "catalogue": REQUIRED},
    Kind.RESOURCE_POLICY: {"document": REQUIRED},
    Kind.GUARDRAIL: {"description": "", "document": REQUIRED, "targets": []},
}
"""What each kind is described by, with the defaults of what is new, in the order of an export."""


class Key(NamedTuple):
    """What an object is known by; names that differ only in case are one where names are so."""

    kind: Kind
    name: str

    @classmethod
    def of(cls, kind: Kind, name: str) -> "Key":
        """The key of the object of this name. An ARN and a prefix are what they are."""
        is_exact = kind in {Kind.RESOURCE_POLICY, Kind.ACTION_CATALOGUE}
        return cls(kind, name if is_exact else name.casefold())


@dataclass(frozen=True, slots=True)
class Item:
    """One object.

    Attributes:
        kind: What it is.
        name: Its name; of a resource policy the ARN, of a guardrail `scp/` or `rcp/` and its name.
        attributes: All that `ATTRIBUTES` lists for its kind. Lists are sorted; principals, groups
            and policies are named as `user/ana`, `group/finance`, `read-invoices`.
        id: Its immutable id; `None` of what is yet to be made.
        is_active: Whether it may act, if it is a principal.
        is_shipped: Whether it comes with the software, and nobody can change it.
    """

    kind: Kind
    name: str
    attributes: Attributes
    id: str | None = None
    is_active: bool = True
    is_shipped: bool = False

    @property
    def key(self) -> Key:
        """What it is known by."""
        return Key.of(self.kind, self.name)

    def __str__(self) -> str:
        """Name it as people do: `group/finance`."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class State:
    """An account at one moment, or as it is wanted.

    Attributes:
        account: The account.
        partition: Of its ARNs.
        items: Everything that can be described, and the shipped policies besides.
        owners: Which configuration manages an object; of those that one manages.
        is_active: Whether its principals may act.
    """

    account: str
    partition: str
    items: Mapping[Key, Item] = field(default_factory=dict)
    owners: Mapping[Key, str] = field(default_factory=dict)
    is_active: bool = True

    def find(self, kind: Kind, name: str) -> Item | None:
        """The object of this name."""
        return self.items.get(Key.of(kind, name))

    def of(self, *kinds: Kind) -> Iterator[Item]:
        """All objects of these kinds."""
        return (item for item in self.items.values() if item.kind in kinds)

    def arn(self, item: Item) -> str:
        """The ARN of a principal, a group or a policy."""
        account = "iam" if item.is_shipped else self.account
        return (
            f"arn:{self.partition}:iam::{account}:{item.kind}{item.attributes['path']}{item.name}"
        )


def ordered(kind: Kind) -> int:
    """The place of a kind in the order in which they are made."""
    return list(Kind).index(kind)
