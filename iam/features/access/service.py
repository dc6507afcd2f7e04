"""Use cases of access: who may, and what somebody may."""

from bisect import bisect_right

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.authz.candidates import find_candidates
from iam.authz.gather_many import read_account_policies, read_holders
from iam.authz.read_surroundings import read_resources, read_surroundings
from iam.authz.relevance import Everything, Relevance
from iam.errors import not_found
from iam.features.access import queries
from iam.features.access.rules import (
    Access,
    Question,
    WrittenGrant,
    check_question,
    identity_paths,
    order,
    standing,
    statement_of,
)
from iam.features.principals.queries import find_referenced
from iam.features.principals.rules import parse_reference
from iam.features.principals.service import target_context
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import Principal
from iam.work import UnitOfWork
from iam_policy import is_canonical


async def list_principals_with_access(
    uow: UnitOfWork, *, action: str, resource: str, limit: int, cursor: str | None = None
) -> Page[Access]:
    """One page of the account's principals that may do this to that, by id.

    Raises `invalid` for what is no action, and for another account's resource.
    """
    account, partition = uow.caller.account, uow.settings.partition
    await authorize(uow, Action.LIST_PRINCIPALS_WITH_ACCESS, resource)
    check_question(action, resource, account=account)
    scope = framed("who-can", account, action.lower(), resource)
    last = "" if cursor is None else uow.tools.cursors.decode(cursor, scope=scope)[0]
    around = await read_surroundings(
        uow, account, action=action, resource=resource, partition=partition
    )
    known = await read_account_policies(
        uow, account, partition=partition, relevance=Relevance(action)
    )
    candidates = await find_candidates(uow, known, action=action, around=around)
    question = Question(action, resource, around, uow.now)
    found: list[Access] = []
    left = candidates[bisect_right(candidates, last) :]
    async for holders in read_holders(uow, known, left):
        answers = map(question.answer, holders)
        found += [one for one in answers if one is not None]
        if len(found) > limit:
            break
    return Page.cut(
        found,
        limit,
        lambda one: uow.tools.cursors.encode([one.holder.facts.id], scope=scope),
    )


async def list_principal_access(
    uow: UnitOfWork, *, principal: str, limit: int, cursor: str | None = None
) -> Page[WrittenGrant]:
    """One page of the statements that a principal has, and what is left of each.

    Raises `denied` or `not_found`.
    """
    row = await authorized_reference(uow, principal, Action.LIST_PRINCIPAL_ACCESS)
    partition = uow.settings.partition
    known = await read_account_policies(
        uow, row.account, partition=partition, relevance=Everything()
    )
    (found,) = [one async for some in read_holders(uow, known, [row.id]) for one in some]
    around = await read_resources(uow, row.account, resources=("*",), partition=partition)
    written = identity_paths(found)
    written += await queries.granted_by_resources(uow, found.facts)
    written += await queries.granted_by_trust(uow, found.facts)
    written.sort(key=lambda one: order(one[0]))
    scope = framed("principal-access", row.id)
    if cursor is not None:
        last = uow.tools.cursors.decode(cursor, scope=scope)
        written = [one for one in written if order(one[0]) > last]
    beside = standing(found, around["*"], [path for path, _ in written])
    shown = [
        WrittenGrant(beside.grant(path), statement_of(document, path.statement.index))
        for path, document in written[: limit + 1]
    ]
    return Page.cut(
        shown,
        limit,
        lambda one: uow.tools.cursors.encode(order(one.grant.path), scope=scope),
    )


async def authorized_reference(uow: UnitOfWork, reference: str, action: Action) -> Principal:
    """The principal of the caller's account that was named, if the caller may do this to it.

    By ARN, id, or kind and name. Who may not is told so whether or not there is one. Raises
    `IamError` of kind `denied` or `not_found`.
    """
    account = uow.caller.account
    named = parse_reference(reference, partition=uow.settings.partition, account=account)
    row = None if named is None else await find_referenced(uow, named)
    if row is None:
        arn = reference if is_canonical(reference) else uow.arn_of("iam", account, reference)
        await authorize(uow, action, arn)
        raise not_found("not_found", f"there is no principal `{reference[:128]}`")
    context = await target_context(uow, row)
    await authorize(uow, action, uow.arn(row), context=context, told_as=reference)
    return row
