"""Use cases of accounts. All of them are for principals of `main` alone."""

from sqlalchemy import delete, select, update

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, denied, not_found
from iam.features.accounts import queries
from iam.features.accounts.rules import RESERVED_NAMES, check_account_name
from iam.features.guardrails.service import attach_full_access
from iam.features.principals.service import VersionCheck
from iam.journal.events import EventType
from iam.kit.pages import Page
from iam.models import MAIN_ACCOUNT, Account, AccountStatus, IssuedToken, Principal
from iam.work import UnitOfWork


async def create_account(uow: UnitOfWork, *, name: str, description: str = "") -> Account:
    """Create an account with nobody in it. Raises `conflict` when the name is taken."""
    check_account_name(name)
    await _authorize(uow, Action.CREATE_ACCOUNT, name)
    row = Account(name=name, description=description, created_at=uow.now, updated_at=uow.now)
    taken = conflict("name_taken", f"an account named `{name}` exists already")
    await uow.insert(row, taken=taken)
    uow.emit(EventType.ACCOUNT_CREATED, row)
    await attach_full_access(uow, account=name)
    return row


async def get_account(uow: UnitOfWork, *, account: str) -> Account:
    """The account with this name."""
    return await _authorized_account(uow, account, Action.DESCRIBE_ACCOUNT)


async def list_accounts(uow: UnitOfWork, *, limit: int, cursor: str | None = None) -> Page[Account]:
    """One page of the accounts, by name."""
    await _authorize(uow, Action.LIST_ACCOUNTS, "*")
    return await queries.list_accounts(uow, limit=limit, cursor=cursor)


async def update_account(
    uow: UnitOfWork, *, account: str, description: str | None, expecting: VersionCheck
) -> Account:
    """Change the description, unless it is `None`."""
    row = await _authorized_account(uow, account, Action.UPDATE_ACCOUNT)
    expecting(row.version)
    if description is not None and description != row.description:
        row.description = description
        row.updated_at = uow.now
        uow.emit(EventType.ACCOUNT_UPDATED, row)
        await uow.flush()
    return row


async def suspend_account(uow: UnitOfWork, *, account: str) -> Account:
    """Suspend an account: nobody in it may act, and every token of it ends, for good."""
    row = await _authorized_account(uow, account, Action.SUSPEND_ACCOUNT)
    await uow.hold_account(row.name)  # nothing of those in it commits after this
    _refuse_protected(row)
    if row.status != AccountStatus.SUSPENDED:
        await _set_status(uow, row, AccountStatus.SUSPENDED, EventType.ACCOUNT_SUSPENDED)
        await _end_tokens(uow, row)
    return row


async def reactivate_account(uow: UnitOfWork, *, account: str) -> Account:
    """Let the principals of an account act again; tokens from before stay ended."""
    row = await _authorized_account(uow, account, Action.REACTIVATE_ACCOUNT)
    if row.status != AccountStatus.ACTIVE:
        await _set_status(uow, row, AccountStatus.ACTIVE, EventType.ACCOUNT_REACTIVATED)
    return row


async def delete_account(uow: UnitOfWork, *, account: str, expecting: VersionCheck) -> None:
    """Delete a suspended account with all that belongs to it, for good; the journal stays.

    Raises `conflict` while it is active, or while a role of another account trusts it.
    """
    row = await _authorized_account(uow, account, Action.DELETE_ACCOUNT)
    expecting(row.version)
    _refuse_protected(row)
    await uow.hold_account(row.name)
    if row.status != AccountStatus.SUSPENDED:
        raise conflict("account_active", f"`{row.name}` is active; suspend it first")
    if not await queries.lock_account(uow, row):
        raise _no_account(account)
    if await queries.is_trusted_elsewhere(uow, row):
        raise _in_use(row)
    await _delete_contents(uow, row)
    uow.emit(EventType.ACCOUNT_DELETED, row)
    await uow.delete(row, in_use=_in_use(row))


async def _set_status(
    uow: UnitOfWork, row: Account, status: AccountStatus, event: EventType
) -> None:
    row.status = status
    row.updated_at = uow.now
    uow.emit(event, row)
    await uow.flush()


async def _end_tokens(uow: UnitOfWork, row: Account) -> None:
    """Without this, tokens from before a suspension would count again after it."""
    principals = select(Principal.id).where(Principal.account == row.name)
    await uow.execute(
        update(IssuedToken)
        .where(
            IssuedToken.principal_id.in_(principals),
            IssuedToken.expires_at > uow.now,
            IssuedToken.revoked_at.is_(None),
        )
        .values(revoked_at=uow.now)
        .execution_options(synchronize_session=False)
    )


async def _delete_contents(uow: UnitOfWork, row: Account) -> None:
    for model, event in queries.OWNED:
        for owned in await uow.scalars(select(model).where(model.account == row.name)):
            uow.emit(event, owned)
            await uow.session.delete(owned)
        await uow.flush(conflicting=_in_use(row))
    for table in queries.plain_tables():
        await uow.execute(delete(table).where(table.c.account == row.name))


async def _authorize(uow: UnitOfWork, action: Action, name: str) -> None:
    resource = uow.arn_of("organizations", MAIN_ACCOUNT, f"account/{name}")
    await authorize(uow, action, resource)
    if uow.caller.account != MAIN_ACCOUNT:
        # The engine refuses this already; accounts must not hang on one thread.
        message = "only principals of `main` look after accounts"
        raise denied("access_denied", message, decision_id=uow.decision_id)
    await uow.see_all_accounts()


async def _authorized_account(uow: UnitOfWork, name: str, action: Action) -> Account:
    await _authorize(uow, action, name)
    row = await queries.find_account(uow, name)
    if row is None:
        raise _no_account(name)
    return row


def _refuse_protected(row: Account) -> None:
    if row.name in RESERVED_NAMES:
        message = f"`{row.name}` can be neither suspended nor deleted"
        raise conflict("account_protected", message)


def _no_account(name: str) -> IamError:
    return not_found("not_found", f"there is no account `{name[:128]}`")


def _in_use(row: Account) -> IamError:
    message = f"something of another account refers to `{row.name}`, such as a role that trusts it"
    return conflict("account_in_use", message)
