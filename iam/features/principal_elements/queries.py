"""From names to ids and back: whom stored documents name."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from iam.features.principal_elements.rules import Document, Named, named_principals, with_principals
from iam.features.principals import queries as principals
from iam.features.principals.rules import parse_reference
from iam.kit.ids import IdKind, is_id
from iam.models import SHIPPED_ACCOUNT, Account
from iam.work import UnitOfWork

_PRINCIPAL_IDS = (IdKind.USER, IdKind.SERVICE, IdKind.ROLE)


async def readable(uow: UnitOfWork, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Stored documents as people read them. Who was deleted is shown by its id, as in AWS."""
    documents: list[Document] = [json.loads(text) for text in texts]
    named = {one.value for document in documents for one in named_principals(document)}
    arns = await principals.arns_by_id(uow, filter(is_id, named))
    return [with_principals(document, arns) for document in documents]


async def stored_name(uow: UnitOfWork, named: Named) -> str | None:
    """How this value of a Principal element is stored; `None` when it names nobody.

    A principal of this account becomes its id, an account its root ARN. An id that is not of this
    account is taken as it is: ids are never given twice, and whether another account has it is
    not told. So another account's principals can be named by id, or all of them by their account;
    never by an ARN, which somebody else could come to have.
    """
    value = named.value
    if not named.is_by_arn:
        return None
    if value == "*" or any(is_id(value, kind) for kind in _PRINCIPAL_IDS):
        return value
    account = _account_of(uow, value)
    if account is not None:
        return await _root_of(uow, account)
    if not value.startswith("arn:"):
        return None
    own = uow.caller.account
    reference = parse_reference(value, partition=uow.settings.partition, account=own)
    row = None if reference is None else await principals.find_referenced(uow, reference)
    return None if row is None else row.id


def _account_of(uow: UnitOfWork, value: str) -> str | None:
    """The account that this names, as its name or as its root ARN."""
    prefix, suffix = uow.arn_of("iam", "|", "root").split("|")
    if value.startswith(prefix) and value.endswith(suffix):
        return value.removeprefix(prefix).removesuffix(suffix)
    return None if ":" in value else value


async def _root_of(uow: UnitOfWork, name: str) -> str | None:
    query = select(Account.name).where(Account.name == name, Account.name != SHIPPED_ACCOUNT)
    # Shared with others who name it, and with nobody who deletes it.
    await uow.see_all_accounts()  # a document may let principals of another account in
    found = await uow.scalar(query.with_for_update(read=True, key_share=True))
    await uow.see_own_account()
    return None if found is None else uow.arn_of("iam", name, "root")
