"""Finding accounts, and everything that belongs to one."""

from typing import Final

from sqlalchemy import Table, select

from iam.journal.events import AUDITED, EventType
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import (
    SHIPPED_ACCOUNT,
    Account,
    Base,
    Group,
    MailRoute,
    MailTemplate,
    Policy,
    ResourcePolicy,
    Role,
    Service,
    User,
    Webhook,
)
from iam.work import UnitOfWork

OWNED: Final = (
    (Service, EventType.SERVICE_DELETED),
    (Role, EventType.ROLE_DELETED),
    (User, EventType.USER_DELETED),
    (Group, EventType.GROUP_DELETED),
    (Policy, EventType.POLICY_DELETED),
    (ResourcePolicy, EventType.RESOURCE_POLICY_DELETED),
    (Webhook, EventType.WEBHOOK_DELETED),
    (MailRoute, EventType.MAIL_ROUTE_DELETED),
    (MailTemplate, EventType.MAIL_TEMPLATE_DELETED),
)
"""What an account consists of, in an order in which nothing refers to what went before it. What
hangs on these goes with them."""

_JOURNAL: Final = frozenset(
    {"audit_entries", "audit_chains", "audit_checkpoints", "outbox_messages", "changes"}
)


async def find_account(uow: UnitOfWork, name: str) -> Account | None:
    """The account with this name; the one of shipped policies is no account that people have."""
    return None if name == SHIPPED_ACCOUNT else await uow.get(Account, name)


async def lock_account(uow: UnitOfWork, account: Account) -> bool:
    """Let nobody add to an account until this transaction ends; `False` if it is gone."""
    query = select(Account.name).where(Account.name == account.name)
    return await uow.scalar(query.with_for_update()) is not None


async def list_accounts(uow: UnitOfWork, *, limit: int, cursor: str | None) -> Page[Account]:
    """One page of the accounts, by name."""
    scope = framed("accounts")
    query = select(Account).where(Account.name != SHIPPED_ACCOUNT)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Account.name > last)
    rows = (await uow.scalars(query.order_by(Account.name).limit(limit + 1))).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.name], scope=scope))


async def is_trusted_elsewhere(uow: UnitOfWork, account: Account) -> bool:
    """Whether a trust policy or resource policy of another account names this account."""
    # Stored documents name an account in one form only: its root ARN (`principal_elements`).
    root = f'"{uow.arn_of("iam", account.name, "root")}"'
    by_role = select(Role.id).where(
        Role.account != account.name, Role.trust_policy.contains(root, autoescape=True)
    )
    by_resource = select(ResourcePolicy.id).where(
        ResourcePolicy.account != account.name,
        ResourcePolicy.document.contains(root, autoescape=True),
    )
    for query in (by_role, by_resource):
        if await uow.scalar(query.limit(1)) is not None:
            return True
    return False


def plain_tables() -> list[Table]:
    """The tables with rows of accounts that are not audited, those of the journal left out."""
    watched = _JOURNAL | {model.__tablename__ for model in AUDITED}
    return [
        table
        for table in reversed(Base.metadata.sorted_tables)
        if "account" in table.columns and table.name not in watched
    ]
