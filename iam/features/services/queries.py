"""What hangs on services: their owners and audiences, read for a whole page at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from iam.features.principals import queries as principals
from iam.models import Group, Service, ServiceAudience
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with what is stored beside its row.

    Attributes:
        row: The service.
        owner_id: Id of the user or group that looks after it.
        owner_arn: The owner's ARN.
        audiences: Its audiences, sorted, its own ARN among them.
    """

    row: Service
    owner_id: str
    owner_arn: str
    audiences: tuple[str, ...]


async def views(uow: UnitOfWork, rows: Sequence[Service]) -> list[ServiceView]:
    """These services with their owners and audiences."""
    users = await principals.arns_by_id(uow, (row.owner_user_id or "" for row in rows))
    groups = await _group_arns(uow, (row.owner_group_id or "" for row in rows))
    audiences = await _audiences(uow, [row.id for row in rows])
    owners = {**users, **groups}
    found = []
    for row in rows:
        owner_id = row.owner_user_id or row.owner_group_id or ""
        uris = tuple(sorted(audiences.get(row.id, ())))
        found.append(ServiceView(row, owner_id, owners[owner_id], uris))
    return found


async def audience_rows(uow: UnitOfWork, service_id: str) -> dict[str, ServiceAudience]:
    """The stored audiences of one service, by URI."""
    query = select(ServiceAudience).where(ServiceAudience.service_id == service_id)
    return {row.uri: row for row in await uow.scalars(query)}


async def _group_arns(uow: UnitOfWork, ids: Iterable[str]) -> dict[str, str]:
    wanted = select(Group).where(
        Group.account == uow.caller.account, Group.id.in_(sorted(set(ids)))
    )
    return {row.id: uow.arn(row) for row in await uow.scalars(wanted)}


async def _audiences(uow: UnitOfWork, service_ids: Sequence[str]) -> dict[str, list[str]]:
    query = select(ServiceAudience.service_id, ServiceAudience.uri).where(
        ServiceAudience.service_id.in_(service_ids)
    )
    found: dict[str, list[str]] = {}
    for row in await uow.execute(query):
        found.setdefault(row.service_id, []).append(row.uri)
    return found
