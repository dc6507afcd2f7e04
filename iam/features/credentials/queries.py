"""Finding credentials, with their holders and their last use. Bound to one account."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from iam.features.credentials.rules import HORIZONS, SECRET, ExpiryReport, Status, status_at
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import Credential, CredentialStatus, CredentialUse, Principal
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class HeldCredential:
    """A credential, whom it proves, and when it last did."""

    credential: Credential
    holder: Principal
    last_use: CredentialUse | None

    def status_at(self, now: datetime) -> Status:
        """The status as people see it."""
        return status_at(self.credential.status, self.credential.expires_at, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFilter:
    """Which credentials to list; `expiring` keeps the unrevoked ones that end within that time."""

    principal_id: str | None = None
    kind: str | None = None
    status: Status | None = None
    expiring: timedelta | None = None


async def find_credential(uow: UnitOfWork, credential_id: str) -> HeldCredential | None:
    """The credential of this id in the caller's account."""
    row = (await uow.execute(_held(uow).where(Credential.id == credential_id))).one_or_none()
    return None if row is None else _presented(row)


async def list_credentials(
    uow: UnitOfWork, wanted: CredentialFilter, *, limit: int, cursor: str | None
) -> Page[HeldCredential]:
    """One page of the account's credentials, oldest first."""
    scope = framed("credentials", uow.caller.account, *_scope(wanted))
    query = _held(uow).where(*_conditions(wanted, uow.now)).order_by(Credential.id)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Credential.id > last)
    rows = [_presented(row) for row in await uow.execute(query.limit(limit + 1))]
    return Page.cut(
        rows, limit, lambda row: uow.tools.cursors.encode([row.credential.id], scope=scope)
    )


async def lock_holder(uow: UnitOfWork, principal_id: str) -> bool:
    """Let nobody else count or add credentials of this principal; false if it is gone.

    On SQLite the single writer does the same by nature.
    """
    # Weaker than FOR UPDATE: tokens and memberships that refer to the principal need not wait.
    query = select(Principal.id).where(Principal.id == principal_id).with_for_update(key_share=True)
    return await uow.scalar(query) is not None


async def count_live(uow: UnitOfWork, principal_id: str, *, secrets: bool) -> int:
    """How many client secrets, or else keys and addresses of keys, prove this principal now."""
    is_secret = Credential.kind == SECRET
    query = select(func.count()).where(
        Credential.principal_id == principal_id,
        is_secret if secrets else ~is_secret,
        _has_status(Status.ACTIVE, uow.now),
    )
    found: int = await uow.scalar(query)
    return found


async def has_key(uow: UnitOfWork, principal_id: str, kid: str) -> bool:
    """Whether an unrevoked key of this principal has this key id."""
    query = select(Credential.public_jwk).where(
        Credential.principal_id == principal_id,
        Credential.public_jwk.is_not(None),
        Credential.status != CredentialStatus.REVOKED,
    )
    jwks: list[dict[str, Any]] = list((await uow.scalars(query)).all())
    return any(jwk["kid"] == kid for jwk in jwks)


async def report_expiry(uow: UnitOfWork) -> list[ExpiryReport]:
    """What is live and when it ends, over all accounts, without naming any holder."""
    ends = [func.count().filter(Credential.expires_at <= uow.now + horizon) for horizon in HORIZONS]
    query = (
        select(
            Credential.account,
            Credential.kind,
            func.count().label("live"),
            func.min(Credential.expires_at).label("earliest"),
            *ends,
        )
        .where(_has_status(Status.ACTIVE, uow.now))
        .group_by(Credential.account, Credential.kind)
        .order_by(Credential.account, Credential.kind)
    )
    rows = await uow.execute(query)
    return [
        ExpiryReport(row.account, row.kind, row.live, row.earliest, tuple(row[4:])) for row in rows
    ]


def _presented(row: Any) -> HeldCredential:
    return HeldCredential(row.Credential, row.Principal, row.CredentialUse)


def _held(uow: UnitOfWork) -> Select[Credential, Principal, CredentialUse]:
    return (
        select(Credential, Principal, CredentialUse)
        .join(Principal, Principal.id == Credential.principal_id)
        .outerjoin(CredentialUse, CredentialUse.credential_id == Credential.id)
        .where(Credential.account == uow.caller.account)
    )


def _conditions(wanted: CredentialFilter, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.principal_id is not None:
        conditions.append(Credential.principal_id == wanted.principal_id)
    if wanted.kind is not None:
        conditions.append(Credential.kind == wanted.kind)
    if wanted.status is not None:
        conditions.append(_has_status(wanted.status, now))
    if wanted.expiring is not None:
        conditions.append(Credential.status != CredentialStatus.REVOKED)
        conditions.append(Credential.expires_at.between(now, now + wanted.expiring))
    return conditions


def _has_status(status: Status, now: datetime) -> ColumnElement[bool]:
    """`rules.status_at`, as a condition of a query; a test holds the two together."""
    if status is Status.REVOKED:
        return Credential.status == CredentialStatus.REVOKED
    if status is Status.EXPIRED:
        return and_(Credential.status != CredentialStatus.REVOKED, Credential.expires_at <= now)
    lasts = or_(Credential.expires_at.is_(None), Credential.expires_at > now)
    return and_(Credential.status == status.value, lasts)


def _scope(wanted: CredentialFilter) -> list[str]:
    values = (wanted.principal_id, wanted.kind, wanted.status, wanted.expiring)
    return [str(value or "") for value in values]
