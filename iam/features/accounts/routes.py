"""JSON API of accounts."""

from iam.authz.actions import Action
from iam.features.accounts import service as accounts
from iam.features.accounts.schemas import AccountIn, AccountOut, AccountPatch
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="accounts")


@router.post("/accounts", action=Action.CREATE_ACCOUNT, status_code=201)
async def create_account(work: Work, body: AccountIn) -> AccountOut:
    """Create an account. Only principals of `main` may."""
    row = await accounts.create_account(work.uow, **body.model_dump())
    work.location = f"/v1/accounts/{row.name}"
    return AccountOut.of(work.uow, row)


@router.get("/accounts", action=Action.LIST_ACCOUNTS)
async def list_accounts(
    work: Work, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[AccountOut]:
    """List accounts, by name."""
    page = await accounts.list_accounts(work.uow, limit=limit, cursor=cursor)
    return page_out(page, lambda row: AccountOut.of(work.uow, row))


@router.get("/accounts/{account}", action=Action.DESCRIBE_ACCOUNT)
async def get_account(work: Work, account: str) -> AccountOut:
    """Read an account."""
    return AccountOut.of(work.uow, await accounts.get_account(work.uow, account=account))


@router.patch("/accounts/{account}", action=Action.UPDATE_ACCOUNT)
async def update_account(work: Work, account: str, body: AccountPatch) -> AccountOut:
    """Change an account. Send `If-Match`."""
    row = await accounts.update_account(
        work.uow,
        account=account,
        description=body.description,
        expecting=work.expect_version,
    )
    return AccountOut.of(work.uow, row)


@router.post(
    "/accounts/{account}:suspend",
    action=Action.SUSPEND_ACCOUNT,
    example={"status": "suspended", "version": 2},
)
async def suspend_account(work: Work, account: str) -> AccountOut:
    """Suspend an account: nobody in it may act, and every token of it ends."""
    return AccountOut.of(work.uow, await accounts.suspend_account(work.uow, account=account))


@router.post("/accounts/{account}:reactivate", action=Action.REACTIVATE_ACCOUNT)
async def reactivate_account(work: Work, account: str) -> AccountOut:
    """Reactivate an account; tokens from before its suspension stay ended."""
    return AccountOut.of(work.uow, await accounts.reactivate_account(work.uow, account=account))


@router.delete("/accounts/{account}", action=Action.DELETE_ACCOUNT, status_code=204)
async def delete_account(work: Work, account: str) -> None:
    """Delete a suspended account with everything in it, for good. Send `If-Match`."""
    await accounts.delete_account(work.uow, account=account, expecting=work.expect_version)
