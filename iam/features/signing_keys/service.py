"""Use cases of signing keys. They belong to the installation, so all are judged in `main`."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import select

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, not_found, unavailable
from iam.features.signing_keys import queries, rules
from iam.features.signing_keys.rules import (
    Change,
    PrivateHalf,
    Purpose,
    Step,
    Timing,
    new_key_pair,
    place_of,
)
from iam.journal.events import EventType
from iam.kit.pages import Page
from iam.models import MAIN_ACCOUNT, SigningKey, SigningKeyState
from iam.work import UnitOfWork

_EVENTS: Final = {
    Change.ACTIVATE: EventType.SIGNING_KEY_ACTIVATED,
    Change.RETIRE: EventType.SIGNING_KEY_RETIRED,
    Change.REMOVE: EventType.SIGNING_KEY_REMOVED,
    Change.TAINT: EventType.SIGNING_KEY_TAINTED,
}


async def ensure_signing_key(uow: UnitOfWork, *, purpose: Purpose) -> None:
    """Make the first key of a purpose, active at once: there is no client yet that could miss it.

    For a new installation, before it serves; needs no permission because nobody asks for it.
    """
    if await queries.find_key(uow, purpose=purpose, state=SigningKeyState.ACTIVE) is None:
        await _add_active(uow, purpose)


async def open_signing_key(uow: UnitOfWork, *, purpose: Purpose) -> PrivateHalf:
    """What signs for this purpose now; the first key of a purpose is made here.

    For the server's own work; needs no permission because nobody asks for it.
    """
    await ensure_signing_key(uow, purpose=purpose)
    key = await queries.find_key(uow, purpose=purpose, state=SigningKeyState.ACTIVE)
    if key is None or key.private_key_sealed is None:
        raise unavailable("signing_key_missing", f"there is no active key for {purpose}")
    place = place_of(key.kid, MAIN_ACCOUNT)
    return PrivateHalf(key.kid, uow.tools.sealer.open(key.private_key_sealed, place))


async def public_jwks(uow: UnitOfWork, *, purpose: Purpose) -> list[dict[str, Any]]:
    """The public halves of all keys that ever signed for this purpose and are not tainted.

    Asks nobody's permission: the caller is a use case that has.
    """
    query = (
        select(SigningKey.public_jwk)
        .where(SigningKey.purpose == purpose, SigningKey.tainted_at.is_(None))
        .order_by(SigningKey.created_at, SigningKey.kid)
    )
    return list((await uow.scalars(query)).all())


async def list_keys(
    uow: UnitOfWork, *, limit: int, cursor: str | None = None, state: str | None = None
) -> Page[SigningKey]:
    """One page of the signing keys, oldest first."""
    await _authorize(uow, Action.LIST_SIGNING_KEYS, "*")
    return await queries.list_keys(uow, limit=limit, cursor=cursor, state=state)


async def rotate_keys(uow: UnitOfWork) -> list[SigningKey]:
    """Prepare the next key of every purpose, or activate it if it was published for long enough.

    Time does the rest (`advance_keys`). Repeating it before the key is ready changes nothing.
    Returns the keys that are published now. Raises `conflict` when another rotation is under way,
    or when so many keys are still published that one more could overflow a client's key set.
    """
    await _authorize(uow, Action.ROTATE_SIGNING_KEYS, "*")
    for purpose in Purpose:
        keys = await queries.lock_keys(uow, purpose=purpose)
        if not keys:  # nothing was ever signed for this purpose
            continue
        is_prepared = any(key.state == SigningKeyState.PREPARED for key in keys)
        await _advance(uow, keys)
        if not is_prepared:
            await _prepare(uow, purpose, keys)
    return await _published(uow)


async def taint_key(uow: UnitOfWork, *, kid: str) -> list[SigningKey]:
    """Trust a key no more: it leaves the published set, and every token that it signed ends.

    When it was the active one, another takes its place at once. Returns the published keys.
    """
    await _authorize(uow, Action.TAINT_SIGNING_KEY, kid)
    found = await uow.get(SigningKey, kid)
    if found is None:
        raise not_found("not_found", f"there is no signing key `{kid[:64]}`")
    purpose = Purpose(found.purpose)
    keys = await queries.lock_keys(uow, purpose=purpose)
    if found.tainted_at is None:
        await _take(uow, rules.taint_steps(keys, found))
        if await queries.find_key(uow, purpose=purpose, state=SigningKeyState.ACTIVE) is None:
            await _add_active(uow, purpose)
    return await _published(uow)


async def advance_keys(uow: UnitOfWork) -> None:
    """Do what time alone brings: activate a key that is ready, remove those that are done.

    The server's own housekeeping; needs no permission because nobody asks for it.
    """
    for purpose in Purpose:
        await _advance(uow, await queries.lock_keys(uow, purpose=purpose))


async def rotate_old_keys(uow: UnitOfWork) -> None:
    """Prepare the next key of each purpose whose active one has signed for nearly long enough.

    The server's own housekeeping, as `advance_keys`, which does the rest.
    """
    timing, every = timing_of(uow), uow.settings.keys.rotation
    for purpose in Purpose:
        keys = await queries.lock_keys(uow, purpose=purpose)
        if rules.is_rotation_due(keys, now=uow.now, timing=timing, every=every):
            await _prepare(uow, purpose, keys)


async def replace_keys(uow: UnitOfWork) -> None:
    """Trust no key that verifies tokens any more, and sign with new ones: after a restore.

    Keys that sign the audit log stay, because what they have signed stays.
    """
    purpose = Purpose.ACCESS_TOKEN
    keys = await queries.lock_keys(uow, purpose=purpose)
    await _take(uow, [Step(Change.TAINT, key) for key in keys])
    await _add_active(uow, purpose)


def timing_of(uow: UnitOfWork) -> Timing:
    """How long keys are published before and after they sign, by the settings."""
    settings = uow.settings
    return Timing.of(
        publish_lead=settings.keys.publish_lead,
        max_age=settings.keys.max_age,
        longest_life=max(settings.tokens.service_ttl, settings.tokens.user_ttl),
        retain=settings.keys.retain,
    )


async def _advance(uow: UnitOfWork, keys: Iterable[SigningKey]) -> None:
    await _take(uow, rules.due_steps(keys, now=uow.now, timing=timing_of(uow)))


async def _take(uow: UnitOfWork, steps: Iterable[Step[SigningKey]]) -> None:
    for step in steps:
        rules.take(step, now=uow.now)
        uow.emit(_EVENTS[step.change], step.key)
        # One by one: two active keys, even for the length of a flush, are refused by an index.
        await uow.flush(conflicting=_rotating())


async def _prepare(uow: UnitOfWork, purpose: Purpose, keys: Iterable[SigningKey]) -> None:
    if not rules.may_prepare(keys):
        message = f"{rules.MAX_PUBLISHED} keys are published; wait until the first of them leave"
        raise conflict("too_many_keys", message)
    key = _new_key_row(uow, purpose=purpose, state=SigningKeyState.PREPARED)
    await uow.insert(key, taken=_rotating())
    uow.emit(EventType.SIGNING_KEY_PREPARED, key)


async def _add_active(uow: UnitOfWork, purpose: Purpose) -> None:
    key = _new_key_row(uow, purpose=purpose, state=SigningKeyState.ACTIVE)
    key.activated_at = uow.now
    await uow.insert(key, taken=_rotating())
    uow.emit(EventType.SIGNING_KEY_ACTIVATED, key)


async def _published(uow: UnitOfWork) -> list[SigningKey]:
    found: list[SigningKey] = []
    for purpose in Purpose:
        found += await queries.published_keys(uow, purpose=purpose)
    return found


def _new_key_row(uow: UnitOfWork, *, purpose: Purpose, state: SigningKeyState) -> SigningKey:
    """A new key whose private half is sealed."""
    pair = new_key_pair(purpose)
    sealed = uow.tools.sealer.seal(pair.private_der, place_of(pair.kid, MAIN_ACCOUNT))
    return SigningKey(
        kid=pair.kid,
        purpose=purpose,
        algorithm=pair.algorithm,
        state=state,
        public_jwk=pair.public_jwk,
        private_key_sealed=sealed,
        created_at=uow.now,
        published_at=uow.now,
    )


async def _authorize(uow: UnitOfWork, action: Action, kid: str) -> None:
    await authorize(uow, action, uow.arn_of("iam", MAIN_ACCOUNT, f"signing-key/{kid}"))


def _rotating() -> IamError:
    return conflict("rotation_under_way", "another rotation of this key is under way")
