"""What a prefix may be, what a catalogue may say, and to whom a prefix belongs. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from iam.errors import IamError, conflict, invalid
from iam_policy.catalogue import CatalogueError, catalogue_document, parse_catalogue

MAX_PREFIX: Final = 63
MAX_CATALOGUES: Final = 1_000
"""Catalogues of one account."""
RESERVED: Final = frozenset({"iam", "sts", "organizations", "audit", "decisions", "aws"})
"""Prefixes of this service's own actions and condition keys."""

_PREFIX = re.compile(rf"[a-z][a-z0-9-]{{0,{MAX_PREFIX - 1}}}")
_MAX_DEFECTS = 100


def is_prefix(text: str) -> bool:
    """Whether a catalogue can have this prefix."""
    return _PREFIX.fullmatch(text) is not None


def check_free(prefix: str) -> None:
    """Raise `IamError` of kind `conflict` for a prefix that no service can have."""
    if prefix in RESERVED:
        message = f"the prefix `{prefix}` is this service's own; nobody can change it"
        raise conflict("prefix_reserved", message)


def checked_catalogue(document: Mapping[str, Any], *, prefix: str) -> str:
    """The compact text of a catalogue, as it is stored: what is empty is left out.

    Raises `IamError` of kind `invalid` that lists every defect under `errors`, as
    `{"path": "$.actions[0].name", "found": "...", "expected": "..."}`.
    """
    given = document.get("prefix")
    try:
        catalogue = parse_catalogue(json.dumps(document))
    except CatalogueError as error:
        raise _invalid(error) from None
    if catalogue.prefix != prefix:
        defect = {"path": "$.prefix", "found": f"`{given}`", "expected": f"`{prefix}`"}
        raise invalid("catalogue_invalid", "the catalogue is of another prefix", errors=[defect])
    return json.dumps(catalogue_document(catalogue), separators=(",", ":"), ensure_ascii=False)


def _invalid(error: CatalogueError) -> IamError:
    shown = [
        {"path": defect.path, "found": defect.found, "expected": defect.expected}
        for defect in error.defects[:_MAX_DEFECTS]
    ]
    count = len(error.defects)
    message = f"the catalogue has {count} defect{'s' if count > 1 else ''}"
    return invalid("catalogue_invalid", message, errors=shown)


def owns_prefix(
    owners: Mapping[str, str], *, service_id: str, service_name: str, prefix: str
) -> bool:
    """Whether a prefix, in lower case, is a service's own.

    It is when the service registered it. A service that registered none has its name as prefix,
    unless that is another's. `owners` are the ids of services by the prefix that they registered.
    """
    if prefix in RESERVED:
        return False
    owner = owners.get(prefix)
    if owner is not None:
        return owner == service_id
    return prefix == service_name.casefold() and service_id not in owners.values()


def may_be_named(prefix: str, folded: str) -> bool:
    """Whether a document, its case folded, may say anything about this prefix."""
    return f"{prefix}:" in folded
