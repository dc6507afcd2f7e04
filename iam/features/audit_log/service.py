"""Use cases of the audit log."""

from datetime import datetime
from typing import Any, Final

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import conflict, not_found
from iam.features.audit_log import queries
from iam.features.audit_log.queries import EventFilter
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.service import public_jwks
from iam.journal.chain_reading import (
    Lines,
    Place,
    RemovedMeanwhileError,
    read_backlog,
    read_lines,
)
from iam.journal.chain_upkeep import erase_person, has_unsealed, names_of
from iam.journal.events import Event, EventType
from iam.kit.framing import framed
from iam.kit.ids import IdKind, is_id
from iam.kit.metrics import Family, gauge
from iam.kit.pages import Page
from iam.models import AuditEntry, Principal
from iam.work import UnitOfWork

_KINDS: Final = {IdKind.USER: "user", IdKind.SERVICE: "service", IdKind.ROLE: "role"}


async def list_events(
    uow: UnitOfWork, *, wanted: EventFilter, limit: int, cursor: str | None
) -> Page[AuditEntry]:
    """One page of what happened in the caller's account, newest first."""
    resource = uow.arn_of("audit", uow.caller.account, "event/*")
    await authorize(uow, Action.LIST_AUDIT_EVENTS, resource)
    return await queries.list_entries(uow, wanted, limit=limit, cursor=cursor)


async def get_event(uow: UnitOfWork, *, event_id: str) -> AuditEntry:
    """One event. Raises `not_found` for one of another account as for none at all."""
    resource = uow.arn_of("audit", uow.caller.account, f"event/{event_id[:64]}")
    await authorize(uow, Action.GET_AUDIT_EVENT, resource)
    entry = await queries.find_entry(uow, event_id)
    if entry is None:
        raise not_found("not_found", "there is no such event")
    return entry


async def export_lines(
    uow: UnitOfWork, *, limit: int, cursor: str | None
) -> tuple[Lines, str | None]:
    """Lines of the sealed log of the caller's account, and the cursor of those after them.

    Read to the end they are a log that can be verified without this server. Raises `conflict` when
    retention has removed what was to be read next.
    """
    account = uow.caller.account
    await authorize(uow, Action.EXPORT_AUDIT_EVENTS, uow.arn_of("audit", account, "event/*"))
    scope, after = framed("sealed_audit_log", account), None
    if cursor is not None:
        sequence, checkpoint = uow.tools.cursors.decode(cursor, scope=scope)
        after = Place(int(sequence), int(checkpoint))
    issuer = uow.settings.issuer
    try:
        found = await read_lines(uow, issuer=issuer, account=account, after=after, limit=limit)
    except RemovedMeanwhileError:
        message = "what was to be read next has been removed by retention; begin again"
        raise conflict("removed_meanwhile", message) from None
    if found.next is None:
        return found, None
    place = [str(found.next.sequence), str(found.next.checkpoint)]
    return found, uow.tools.cursors.encode(place, scope=scope)


async def public_keys(uow: UnitOfWork) -> list[dict[str, Any]]:
    """The public keys that checkpoints were signed with, as JWKs; those that are tainted left out.

    Who verifies a log keeps them elsewhere: a key that comes with the log proves nothing.
    """
    resource = uow.arn_of("audit", uow.caller.account, "key/*")
    await authorize(uow, Action.GET_AUDIT_PUBLIC_KEYS, resource)
    return await public_jwks(uow, purpose=Purpose.AUDIT_LOG)


async def erase(uow: UnitOfWork, *, principal: str) -> int:
    """Make the log forget a principal that is deleted: its names, addresses and values.

    What is left is its id, and a seal that still holds. Returns how many entries told of it. Raises
    `not_found` when the log knows nobody with this id, and `conflict` while the principal is there
    or entries about it are not sealed yet.
    """
    account = uow.caller.account
    resource = uow.arn_of("audit", account, f"principal/{principal[:64]}")
    await authorize(uow, Action.ERASE_AUDIT_PRINCIPAL, resource)
    kind = _KINDS.get(IdKind(principal[:3])) if is_id(principal) else None
    names = await names_of(uow, principal) if kind else set()
    if kind is None or not names:
        raise not_found("not_found", "the audit log knows no principal with this id")
    if await uow.get(Principal, principal) is not None:
        raise conflict("principal_exists", "delete the principal first; then erase it from the log")
    await uow.see_all_accounts()  # it may have acted in others
    if await has_unsealed(uow, principal):
        message = "entries about it are not sealed yet; try again in a minute"
        raise conflict("audit_log_unsealed", message)
    pseudonym = uow.arn_of("iam", account, f"{kind}/{principal}")
    names -= {pseudonym}
    count = await erase_person(uow, principal, names=names, pseudonym=pseudonym)
    await uow.see_own_account()
    uow.emit_event(
        Event(
            type=EventType.AUDIT_LOG_PERSON_ERASED,
            account=account,
            subject=pseudonym,
            target_id=principal,
            detail={"entries": count},
        )
    )
    return count


async def measure(uow: UnitOfWork) -> list[Family]:
    """How long entries wait to be sealed, and what is sealed to be copied out, over all accounts.

    Asks nobody's permission: the caller is a use case that has, and sees all accounts.
    """
    waits = await read_backlog(uow)
    is_shipped = uow.settings.audit.checkpoint_file is not None
    return [
        gauge(
            "iam_audit_log_unsealed_seconds",
            "Age of the oldest audit entry that is not sealed; a minute is usual.",
            _age(uow, waits.unsealed_since),
        ),
        gauge(
            "iam_audit_log_unshipped_seconds",
            "Age of the oldest checkpoint that is not in the checkpoint file, if there is one.",
            _age(uow, waits.unshipped_since) if is_shipped else None,
        ),
    ]


def _age(uow: UnitOfWork, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (uow.now - since).total_seconds())
