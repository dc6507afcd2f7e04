"""Use case of the rescue."""

from dataclasses import dataclass, field
from datetime import datetime

from iam.authz.rescue import LENGTH, open_rescue
from iam.errors import denied
from iam.features.credentials.service import create_client_secret
from iam.features.installation.service import ensure_administrators
from iam.features.rescue import rules
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import MAIN_ACCOUNT, Service
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class RescueCredential:
    """What somebody signs in with until `ends_at`. The secret is shown once and never kept."""

    service: str
    client_id: str
    client_secret: str = field(repr=False)
    ends_at: datetime


async def rescue(uow: UnitOfWork, *, reason: str) -> RescueCredential:
    """Make a service that may do everything for a quarter of an hour, whatever policies say.

    It has a client secret for as long, looked after by the group `administrators`, and no policy:
    when the time is over, it may do nothing. Only for the root of `main`, on the host.

    Raises `IamError`: `denied` for anybody else, `invalid` without a reason.
    """
    if uow.caller.kind != "root" or uow.caller.account != MAIN_ACCOUNT:
        raise denied("root_required", "this is only done on the host, as the root of `main`")
    reason = rules.checked_reason(reason)
    group = await ensure_administrators(uow)
    row = Service(
        id=new_id(IdKind.SERVICE, uow.now),
        account=MAIN_ACCOUNT,
        name=rules.service_name(uow.now),
        path=rules.PATH,
        description=f"Rescue: {reason}",
        owner_group_id=group.id,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(row)
    ends_at = uow.now + LENGTH
    uow.emit(
        EventType.SERVICE_RESCUED,
        row,
        severity="high",
        reason=reason,
        ends_at=ends_at.isoformat().replace("+00:00", "Z"),
    )
    await uow.flush()
    _, secret = await create_client_secret(
        uow, service=row.id, description="rescue", expires_at=ends_at
    )
    open_rescue(uow, principal_id=row.id)
    return RescueCredential(row.name, row.id, secret, ends_at)
