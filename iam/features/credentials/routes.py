"""JSON API of credentials."""

from typing import Annotated, Literal

from fastapi import Query

from iam.authz.actions import Action
from iam.features.credentials import service as credentials
from iam.features.credentials.schemas import (
    CreatedCredentialOut,
    CredentialIn,
    CredentialOut,
    CredentialPatch,
    Kind,
)
from iam.http.examples import CHANGED
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="credentials")


@router.post(
    "/services/{service}/credentials",
    action=Action.CREATE_CREDENTIAL,
    status_code=201,
    shows_secret=True,
)
async def create_credential(work: Work, service: str, body: CredentialIn) -> CreatedCredentialOut:
    """Make a client secret, or register a public key or where such keys are published."""
    held, secret = await credentials.create_credential(
        work.uow,
        service=service,
        check_url=work.runtime.outbound.check_url,
        **body.model_dump(),
    )
    work.location = f"/v1/credentials/{held.credential.id}"
    return CreatedCredentialOut.showing(work.uow, held, secret=secret)


@router.get("/credentials", action=Action.LIST_CREDENTIALS)
async def list_credentials(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    principal: Annotated[str | None, Query(max_length=700)] = None,
    kind: Kind | None = None,
    status: Literal["active", "quarantined", "expired", "revoked"] | None = None,
    expiring: Annotated[str | None, Query(max_length=8, examples=["30d"])] = None,
) -> PageOut[CredentialOut]:
    """List credentials, oldest first: `?principal=service/billing`, `?expiring=30d`."""
    page = await credentials.list_credentials(
        work.uow,
        limit=limit,
        cursor=cursor,
        principal=principal,
        kind=kind,
        status=status,
        expiring=expiring,
    )
    return page_out(page, lambda held: CredentialOut.of(work.uow, held))


@router.get("/credentials/{credential}", action=Action.GET_CREDENTIAL)
async def get_credential(work: Work, credential: str) -> CredentialOut:
    """Read a credential; never its secret."""
    return CredentialOut.of(
        work.uow, await credentials.get_credential(work.uow, credential=credential)
    )


@router.patch("/credentials/{credential}", action=Action.UPDATE_CREDENTIAL)
async def update_credential(work: Work, credential: str, body: CredentialPatch) -> CredentialOut:
    """Change the description, or let it expire earlier. Send `If-Match`."""
    held = await credentials.update_credential(
        work.uow,
        credential=credential,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return CredentialOut.of(work.uow, held)


@router.post(
    "/credentials/{credential}:quarantine",
    action=Action.QUARANTINE_CREDENTIAL,
    example={"status": "quarantined", "version": 2},
)
async def quarantine_credential(work: Work, credential: str) -> CredentialOut:
    """Put a credential out of use until it is reactivated."""
    held = await credentials.quarantine_credential(work.uow, credential=credential)
    return CredentialOut.of(work.uow, held)


@router.post("/credentials/{credential}:reactivate", action=Action.REACTIVATE_CREDENTIAL)
async def reactivate_credential(work: Work, credential: str) -> CredentialOut:
    """End a quarantine."""
    held = await credentials.reactivate_credential(work.uow, credential=credential)
    return CredentialOut.of(work.uow, held)


@router.post(
    "/credentials/{credential}:revoke",
    action=Action.REVOKE_CREDENTIAL,
    example={"status": "revoked", "revoked_at": CHANGED, "version": 2},
)
async def revoke_credential(work: Work, credential: str) -> CredentialOut:
    """End a credential for good, and every token that was issued with it."""
    held = await credentials.revoke_credential(work.uow, credential=credential)
    return CredentialOut.of(work.uow, held)
