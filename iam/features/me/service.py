"""Who the caller is."""

from dataclasses import dataclass

from sqlalchemy import select

from iam.errors import unauthenticated
from iam.features.groups.queries import all_groups_of
from iam.models import IssuedToken, Principal
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The caller, and the token that proved it."""

    id: str
    arn: str
    account: str
    kind: str
    name: str
    groups: tuple[str, ...]
    token: IssuedToken


async def get_caller_identity(uow: UnitOfWork) -> Identity:
    """The caller as this service sees it. Needs no permission, as in AWS (`GetCallerIdentity`)."""
    caller = uow.caller
    name = await uow.scalar(select(Principal.name).where(Principal.id == caller.id))
    token = await uow.get(IssuedToken, caller.token_id) if caller.token_id else None
    if name is None or token is None:
        raise unauthenticated("authentication_required", "present a bearer token")
    groups = await all_groups_of(uow, caller.id)
    return Identity(
        id=caller.id,
        arn=caller.arn,
        account=caller.account,
        kind=caller.kind,
        name=name,
        groups=tuple(uow.arn(group) for group in groups),
        token=token,
    )
