"""JSON API of services."""

from typing import Annotated, Literal

from fastapi import Query

from iam.authz.actions import Action
from iam.features.principals.schemas import TagsIn
from iam.features.services import service as services
from iam.features.services.schemas import ServiceIn, ServiceOut, ServicePatch
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="services")


@router.post("/services", action=Action.CREATE_SERVICE, status_code=201)
async def create_service(work: Work, body: ServiceIn) -> ServiceOut:
    """Create a service; it needs an owner."""
    view = await services.create_service(work.uow, **body.model_dump())
    work.location = f"/v1/services/{view.row.id}"
    return ServiceOut.of(work.uow, view)


@router.get("/services", action=Action.LIST_SERVICES)
async def list_services(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    path_prefix: Annotated[str, Query(max_length=512)] = "/",
    status: Literal["active", "disabled"] | None = None,
) -> PageOut[ServiceOut]:
    """List services, oldest first."""
    page = await services.list_services(
        work.uow, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )
    return page_out(page, lambda view: ServiceOut.of(work.uow, view))


@router.get("/services/{service}", action=Action.GET_SERVICE)
async def get_service(work: Work, service: str) -> ServiceOut:
    """Read a service, by name or id."""
    return ServiceOut.of(work.uow, await services.get_service(work.uow, service=service))


@router.patch("/services/{service}", action=Action.UPDATE_SERVICE)
async def update_service(work: Work, service: str, body: ServicePatch) -> ServiceOut:
    """Change a service. `audiences` replaces them all. Send `If-Match`."""
    view = await services.update_service(
        work.uow,
        service=service,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return ServiceOut.of(work.uow, view)


@router.delete("/services/{service}", action=Action.DELETE_SERVICE, status_code=204)
async def delete_service(work: Work, service: str) -> None:
    """Delete a service for good. Send `If-Match`."""
    await services.delete_service(work.uow, service=service, expecting=work.expect_version)


@router.post(
    "/services/{service}:disable", action=Action.DISABLE_SERVICE, example={"status": "disabled"}
)
async def disable_service(work: Work, service: str) -> ServiceOut:
    """Disable a service: every token it has ends at once."""
    return ServiceOut.of(work.uow, await services.disable_service(work.uow, service=service))


@router.post("/services/{service}:enable", action=Action.ENABLE_SERVICE)
async def enable_service(work: Work, service: str) -> ServiceOut:
    """Enable a service again; tokens from before stay ended."""
    return ServiceOut.of(work.uow, await services.enable_service(work.uow, service=service))


@router.post("/services/{service}/tags", action=Action.TAG_SERVICE)
async def tag_service(work: Work, service: str, body: TagsIn) -> ServiceOut:
    """Add tags to a service, or give present ones a new value. `If-Match` is heeded."""
    view = await services.tag_service(
        work.uow, service=service, tags=body.tags, expecting=work.heed_version
    )
    return ServiceOut.of(work.uow, view)


@router.delete("/services/{service}/tags", action=Action.UNTAG_SERVICE)
async def untag_service(
    work: Work, service: str, keys: Annotated[list[str], Query(alias="key", max_length=50)]
) -> ServiceOut:
    """Remove tags from a service: `?key=team&key=site`. `If-Match` is heeded."""
    view = await services.untag_service(
        work.uow, service=service, keys=keys, expecting=work.heed_version
    )
    return ServiceOut.of(work.uow, view)
