"""Who may do everything for a quarter of an hour, because somebody on the host opened the way in.

A lease says so, which no operation of the API can make. While it lasts, whatever its holder asks of
this service is decided as for the root of `main`: above guardrails, and above every policy that
was got wrong. Then nothing is left: the holder has no policy, and is in no group.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from iam.models import MAIN_ACCOUNT, Lease
from iam.work import UnitOfWork

LENGTH: Final = timedelta(minutes=15)
_PREFIX: Final = "rescue:"


def open_rescue(uow: UnitOfWork, *, principal_id: str) -> Lease:
    """Let this principal of `main` do everything from now on, for as long as a rescue lasts."""
    lease = Lease(
        name=_PREFIX + principal_id, holder=uow.caller.arn, fence=1, expires_at=uow.now + LENGTH
    )
    uow.add(lease)
    return lease


async def is_rescuer(uow: UnitOfWork) -> bool:
    """Whether the caller may do everything now."""
    if uow.caller.account != MAIN_ACCOUNT or uow.caller.kind != "service":
        return False
    query = select(Lease.name).where(
        Lease.name == _PREFIX + uow.caller.id, Lease.expires_at > uow.now
    )
    return await uow.scalar(query) is not None
