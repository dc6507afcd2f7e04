"""Bringing a document into the form in which it is stored."""

from typing import Final

from iam.features.principal_elements import queries
from iam.features.principal_elements.rules import (
    Document,
    document_error,
    named_principals,
    stored_text,
    with_principals,
)
from iam.work import UnitOfWork
from iam_policy import Defect


async def stored_document(uow: UnitOfWork, document: Document, *, what: str) -> str:
    """A document that was checked, as it is stored: principals by id.

    Raises `IamError` of kind `invalid`, with JSON paths, when it names somebody unknown.
    """
    names: dict[str, str] = {}
    unknown: list[Defect] = []
    for named in named_principals(document):
        stored = names.get(named.value) or await queries.stored_name(uow, named)
        if stored is None:
            unknown.append(Defect(named.path, f"`{named.value[:128]}`", _KNOWN))
        else:
            names[named.value] = stored
    if unknown:
        raise document_error(what, unknown)
    return stored_text(with_principals(document, names))


_KNOWN: Final = (
    "the ARN of a user, service or role of this account, "
    "an account, or the id of another account's principal"
)
