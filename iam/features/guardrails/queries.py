"""Finding guardrails, and what they are attached to."""

from sqlalchemy import func, select

from iam.features.guardrails.rules import Level
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import (
    SHIPPED_ACCOUNT,
    Account,
    Guardrail,
    GuardrailAttachment,
    GuardrailKind,
)
from iam.work import UnitOfWork


async def find_guardrail(uow: UnitOfWork, kind: GuardrailKind, name: str) -> Guardrail | None:
    """The guardrail of this name; names are compared without case."""
    if not name.isprintable():
        return None
    query = select(Guardrail).where(Guardrail.kind == kind, Guardrail.name_key == name.casefold())
    found: Guardrail | None = await uow.scalar(query)
    return found


async def list_guardrails(
    uow: UnitOfWork, *, kind: GuardrailKind | None, limit: int, cursor: str | None
) -> Page[Guardrail]:
    """One page of the guardrails, oldest first."""
    scope = framed("guardrails", kind or "")
    query = select(Guardrail).order_by(Guardrail.id).limit(limit + 1)
    if kind is not None:
        query = query.where(Guardrail.kind == kind)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Guardrail.id > last)
    rows = (await uow.scalars(query)).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def find_attachment(
    uow: UnitOfWork, guardrail: Guardrail, level: Level
) -> GuardrailAttachment | None:
    """The attachment of a guardrail to a level, if there is one."""
    query = select(GuardrailAttachment).where(
        GuardrailAttachment.guardrail_id == guardrail.id, GuardrailAttachment.level == str(level)
    )
    found: GuardrailAttachment | None = await uow.scalar(query)
    return found


async def count_attached(uow: UnitOfWork, kind: str, level: Level) -> int:
    """How many guardrails of this kind are attached to a level."""
    query = (
        select(func.count())
        .select_from(GuardrailAttachment)
        .join(Guardrail, Guardrail.id == GuardrailAttachment.guardrail_id)
        .where(Guardrail.kind == kind, GuardrailAttachment.level == str(level))
    )
    found: int = await uow.scalar(query)
    return found


async def list_attachments(
    uow: UnitOfWork, guardrail: Guardrail, *, limit: int, cursor: str | None
) -> Page[GuardrailAttachment]:
    """One page of what a guardrail is attached to, in order of attachment."""
    scope = framed("guardrail-attachments", guardrail.id)
    query = select(GuardrailAttachment).where(GuardrailAttachment.guardrail_id == guardrail.id)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(GuardrailAttachment.id > last)
    rows = (await uow.scalars(query.order_by(GuardrailAttachment.id).limit(limit + 1))).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def account_exists(uow: UnitOfWork, name: str) -> bool:
    """Whether there is such an account, kept from being deleted meanwhile."""
    query = select(Account.name).where(Account.name == name, Account.name != SHIPPED_ACCOUNT)
    return await uow.scalar(query.with_for_update(read=True, key_share=True)) is not None


async def account_names(uow: UnitOfWork) -> list[str]:
    """Every account."""
    return list(await uow.scalars(select(Account.name).order_by(Account.name)))
