"""Action catalogues: what a service's actions are, on which resources, with which condition keys.

A catalogue is read from JSON once and is a frozen value from then on. Its shape is that of AWS's
service authorization reference (IAM User Guide, ``reference_policies_actions-resources``)::

    {
      "prefix": "billing",
      "actions": [
        {"name": "GetInvoice", "access_level": "read", "resource_types": ["invoice"]},
        {"name": "ListInvoices", "access_level": "list"}
      ],
      "resource_types": [
        {"name": "invoice", "arn_format": "arn:${Partition}:billing::${Account}:invoice/${Id}"}
      ],
      "condition_keys": [{"name": "billing:Currency", "type": "String"}]
    }
"""

from dataclasses import dataclass
from enum import StrEnum

from iam_policy.document import Defect

TAIL = "${TagKey}"
"""How the name of a condition key ends that has one value for each tag."""


class AccessLevel(StrEnum):
    """How far an action reaches, in AWS's words."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    PERMISSIONS = "permissions"
    TAGGING = "tagging"


class KeyType(StrEnum):
    """What the values of a condition key are."""

    STRING = "String"
    STRINGS = "ArrayOfString"
    NUMERIC = "Numeric"
    DATE = "Date"
    BOOL = "Bool"
    BINARY = "Binary"
    ADDRESS = "IPAddress"
    ARN = "ARN"
    ARNS = "ArrayOfARN"

    @property
    def is_multivalued(self) -> bool:
        """Whether a request has a list of values for the key."""
        return self in {KeyType.STRINGS, KeyType.ARNS}


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """One action.

    Attributes:
        name: Without the prefix, ``GetInvoice``.
        access_level: How far it reaches.
        resource_types: Names of what it acts on; without any, it acts on ``*`` alone.
        condition_keys: Names of the keys that a request for it has, besides the global ones and
            those of its resource types.
        description: For people; may be empty.
    """

    name: str
    access_level: AccessLevel
    resource_types: tuple[str, ...] = ()
    condition_keys: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One kind of thing.

    Attributes:
        name: ``invoice``.
        arn_format: Its ARN, with ``${Word}`` for what differs from one thing to another.
        condition_keys: Names of the keys that a request about such a thing has.
    """

    name: str
    arn_format: str
    condition_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One condition key; a ``name`` that ends in ``/${TagKey}`` means one key for each tag."""

    name: str
    type: KeyType = KeyType.STRING


@dataclass(frozen=True, slots=True)
class ActionCatalogue:
    """The actions under one prefix, with what policies may say about them."""

    prefix: str
    actions: tuple[ActionEntry, ...]
    resource_types: tuple[ResourceType, ...] = ()
    condition_keys: tuple[KeyEntry, ...] = ()


class CatalogueError(ValueError):
    """A catalogue was refused; ``defects`` lists everything that is wrong with it."""

    def __init__(self, defects: tuple[Defect, ...]) -> None:
        super().__init__("; ".join(map(str, defects)))
        self.defects = defects


def parse_catalogue(text: str | bytes) -> ActionCatalogue:
    """Read a catalogue from JSON.

    Raises:
        CatalogueError: all defects at once, each with JSON path, what was found and expected.
    """
    from iam_policy.catalogue_reader import CatalogueReader

    return CatalogueReader().read(text)


def catalogue_document(catalogue: ActionCatalogue) -> dict[str, object]:
    """Write a catalogue as the value that `parse_catalogue` reads, without what is empty."""
    document: dict[str, object] = {
        "prefix": catalogue.prefix,
        "actions": [
            {"name": one.name, "access_level": str(one.access_level)}
            | _given(resource_types=one.resource_types, condition_keys=one.condition_keys)
            | ({"description": one.description} if one.description else {})
            for one in catalogue.actions
        ],
    }
    if catalogue.resource_types:
        document["resource_types"] = [
            {"name": one.name, "arn_format": one.arn_format}
            | _given(condition_keys=one.condition_keys)
            for one in catalogue.resource_types
        ]
    if catalogue.condition_keys:
        document["condition_keys"] = [
            {"name": one.name, "type": str(one.type)} for one in catalogue.condition_keys
        ]
    return document


def _given(**names: tuple[str, ...]) -> dict[str, object]:
    return {element: list(values) for element, values in names.items() if values}
