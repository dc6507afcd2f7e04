"""JSON API of action catalogues."""

from iam.authz.actions import Action
from iam.features.catalogues import service as catalogues
from iam.features.catalogues.schemas import CatalogueIn, CatalogueNameOut, CatalogueOut
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="action-catalogues")


@router.put("/action-catalogues/{prefix}", action=Action.PUT_ACTION_CATALOGUE)
async def put_catalogue(work: Work, prefix: str, body: CatalogueIn) -> CatalogueOut:
    """Register the actions under a prefix, or replace what its owner registered.

    To replace a catalogue takes its `ETag` in `If-Match`.
    """
    view = await catalogues.put_catalogue(
        work.uow,
        prefix=prefix,
        document=body.document,
        owner=body.owner,
        expecting=work.expect_version,
    )
    return CatalogueOut.of(work.uow, view)


@router.get("/action-catalogues/{prefix}", action=Action.GET_ACTION_CATALOGUE)
async def get_catalogue(work: Work, prefix: str) -> CatalogueOut:
    """Read a catalogue, this service's own among them."""
    return CatalogueOut.of(work.uow, await catalogues.get_catalogue(work.uow, prefix=prefix))


@router.get("/action-catalogues", action=Action.LIST_ACTION_CATALOGUES)
async def list_catalogues(
    work: Work, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[CatalogueNameOut]:
    """List catalogues: this service's own first, then the account's, oldest first."""
    page = await catalogues.list_catalogues(work.uow, limit=limit, cursor=cursor)
    return page_out(page, lambda view: CatalogueNameOut.of(work.uow, view))


@router.delete(
    "/action-catalogues/{prefix}", action=Action.DELETE_ACTION_CATALOGUE, status_code=204
)
async def delete_catalogue(work: Work, prefix: str) -> None:
    """Delete a catalogue; its prefix is free again. Send `If-Match`."""
    await catalogues.delete_catalogue(work.uow, prefix=prefix, expecting=work.expect_version)
