"""JSON API of signing keys."""

from typing import Literal

from iam.authz.actions import Action
from iam.features.signing_keys import service
from iam.features.signing_keys.schemas import SigningKeyOut
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work
from iam.kit.pages import Page

router = ApiRouter(tag="signing keys")


@router.get("/signing-keys", action=Action.LIST_SIGNING_KEYS)
async def list_signing_keys(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    state: Literal["prepared", "active", "retiring", "gone"] | None = None,
) -> PageOut[SigningKeyOut]:
    """List signing keys, oldest first."""
    page = await service.list_keys(work.uow, limit=limit, cursor=cursor, state=state)
    return page_out(page, lambda row: SigningKeyOut.of(work.uow, row))


@router.post("/signing-keys:rotate", action=Action.ROTATE_SIGNING_KEYS)
async def rotate_signing_keys(work: Work) -> PageOut[SigningKeyOut]:
    """Prepare the next key, or activate it once it is ready; answers the published keys."""
    page = Page(await service.rotate_keys(work.uow), None)
    return page_out(page, lambda row: SigningKeyOut.of(work.uow, row))


@router.post("/signing-keys/{kid}:taint", action=Action.TAINT_SIGNING_KEY)
async def taint_signing_key(work: Work, kid: str) -> PageOut[SigningKeyOut]:
    """Trust a key no more: every token that it signed ends at once."""
    page = Page(await service.taint_key(work.uow, kid=kid), None)
    return page_out(page, lambda row: SigningKeyOut.of(work.uow, row))
