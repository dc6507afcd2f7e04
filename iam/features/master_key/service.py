"""Use cases of the master key. All of them are the host's own: who runs them has the key file."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Row, update

from iam.authz.gather import Reader
from iam.errors import IamError, conflict, not_found, unavailable
from iam.features.master_key import queries, rules
from iam.features.master_key.queries import SealedColumn
from iam.journal.events import EventType
from iam.kit.sealing import Sealer, SealError, sealed_by
from iam.models import Installation, MasterKey, MasterKeyState
from iam.work import UnitOfWork

Begin: TypeAlias = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Begins a unit of work of the installation itself, in `main`."""
Told: TypeAlias = Callable[[int, int], None]
"""Is told how many values are done, and of how many."""
_NEEDED: Final = frozenset({MasterKeyState.ACTIVE, MasterKeyState.RETIRING})


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A master key, and what depends on it.

    Attributes:
        key_id: Its public name.
        state: Where it stands in its life; `unknown` when only the key file has it.
        is_at_hand: Whether this process has it.
        values: How many values in the database it has sealed.
    """

    key_id: str
    state: str
    is_at_hand: bool
    values: int


async def ensure_master_key(uow: UnitOfWork, installation: Installation) -> None:
    """Seal with the key that the database says is active, from here on.

    At every start. Raises `IamError` (unavailable, `master_key_missing`) when a key that is still
    needed is not in the key file: half of what is stored could not be read.
    """
    keys = await queries.list_keys(uow)
    if not keys:
        keys = [await _add_first(uow, installation)]
    missing = [row.key_id for row in keys if row.state in _NEEDED and not _is_at_hand(uow, row)]
    if missing:
        message = (
            f"the key file lacks the master key {', '.join(missing)}, which stored secrets still "
            "need; put its line back, or `iam master-key recover` it from the recovery copy"
        )
        raise unavailable("master_key_missing", message, keys=missing)
    (active,) = [row.key_id for row in keys if row.state == MasterKeyState.ACTIVE]
    uow.tools.sealer.use(active)


async def use_active_key(uow: UnitOfWork) -> None:
    """As `ensure_master_key`, for who works on an installation that there is."""
    installation = await uow.get(Installation, 1)
    if installation is None:
        raise _not_prepared()
    await ensure_master_key(uow, installation)


async def provide_key(uow: UnitOfWork) -> MasterKey | None:
    """Register a key that is in the key file and has never been used; `None` if there is none."""
    rows = await queries.list_keys(uow)
    known = {row.key_id for row in rows}
    waiting = next((row for row in rows if row.state == MasterKeyState.PREPARED), None)
    if waiting is not None:
        return waiting
    new = next((one for one in uow.tools.sealer.master_keys if one not in known), None)
    if new is None:
        return None
    row = MasterKey(key_id=new, state=MasterKeyState.PREPARED, created_at=uow.now)
    await uow.insert(row, taken=_rotating())
    uow.emit(EventType.MASTER_KEY_PROVIDED, row)
    return row


async def activate_key(uow: UnitOfWork, *, key_id: str) -> MasterKey:
    """Seal with this key from the commit on, on every replica; what is sealed follows later.

    Raises `conflict` while the values of the rotation before are still being sealed anew.
    """
    found = await uow.get(MasterKey, key_id)
    if found is None or found.state != MasterKeyState.PREPARED or not _is_at_hand(uow, found):
        raise not_found("not_found", f"there is no prepared master key `{key_id}`")
    active = await queries.find_active(uow)
    if active is not None:
        active.state = MasterKeyState.RETIRING
        uow.emit(EventType.MASTER_KEY_SUPERSEDED, active)
        await uow.flush(conflicting=_rotating())
    found.state, found.activated_at = MasterKeyState.ACTIVE, uow.now
    uow.emit(EventType.MASTER_KEY_PUT_TO_USE, found)
    await uow.flush(conflicting=_rotating())
    return found


async def is_rotation_under_way(uow: UnitOfWork) -> bool:
    """Whether a key is to be retired, so that values may still need it."""
    return any(row.state == MasterKeyState.RETIRING for row in await queries.list_keys(uow))


async def reseal(begin: Begin, *, told: Told) -> list[str]:
    """Seal everything anew that another key than the active one has sealed.

    In small units of work, so that requests hardly notice, and so that an end at any moment leaves
    whole values: the next run goes on with what is left. Returns the places of values that do not
    open, which stay as they are.
    """
    async with begin() as uow:
        await uow.see_all_accounts()
        key_id = await _use_active(uow)
        total = await queries.count_sealed(uow, but_with=key_id)
    done, unreadable = 0, list[str]()
    for sealed in queries.sealed_columns():
        after: tuple[Any, ...] | None = None
        while True:
            async with begin() as uow:
                await uow.see_all_accounts()
                key_id = await _use_active(uow)
                rows = await queries.sealed_batch(uow, sealed, but_with=key_id, after=after)
                for row in rows:
                    unreadable += await _reseal_row(uow, sealed, row)
            if not rows:
                break
            after = queries.key_of(sealed, rows[-1])
            done += len(rows)
            told(done, max(done, total))
    return unreadable


async def retire_key(uow: UnitOfWork, *, key_id: str) -> MasterKey:
    """Say that nothing needs the key any more, so that it may leave the key file.

    Raises `conflict`: `key_in_use` while values are sealed with it, or it is the active one;
    `too_early` while a replica may not have changed over.
    """
    await uow.see_all_accounts()
    found = await uow.get(MasterKey, key_id)
    if found is None:
        raise not_found("not_found", f"there is no master key `{key_id}`")
    count = (await queries.count_by_key(uow)).get(key_id, 0)
    if found.state == MasterKeyState.ACTIVE or count:
        message = f"{count} values are sealed with it; `iam master-key reseal --local` ends that"
        raise conflict("key_in_use", message, values=count)
    active = await queries.find_active(uow)
    since = active.activated_at if active is not None else None
    if found.state == MasterKeyState.RETIRING and not rules.may_retire(
        active_since=since, now=uow.now
    ):
        minutes = int(rules.SETTLED.total_seconds()) // 60
        message = f"wait until the active key has sealed for {minutes} minutes: replicas follow"
        raise conflict("too_early", message)
    if found.state != MasterKeyState.RETIRED:
        found.state, found.retired_at = MasterKeyState.RETIRED, uow.now
        uow.emit(EventType.MASTER_KEY_WITHDRAWN, found)
    return found


async def list_status(uow: UnitOfWork) -> list[KeyStatus]:
    """Every key that is at hand or was ever used, and what depends on it."""
    await uow.see_all_accounts()
    values = await queries.count_by_key(uow)
    states = {row.key_id: row.state for row in await queries.list_keys(uow)}
    at_hand = uow.tools.sealer.master_keys
    return [
        KeyStatus(key_id, states.get(key_id, "unknown"), key_id in at_hand, values.get(key_id, 0))
        for key_id in dict.fromkeys([*states, *at_hand])
    ]


async def unreadable_values(reader: Reader, sealer: Sealer) -> tuple[int, list[str]]:
    """Open everything that is sealed: how many values there are, and the places of broken ones."""
    count, broken = 0, list[str]()
    for sealed in queries.sealed_columns():
        async for rows in queries.sealed_rows(reader, sealed):
            count += len(rows)
            broken += [place for row in rows if (place := _broken_place(sealer, sealed, row))]
    return count, broken


async def _add_first(uow: UnitOfWork, installation: Installation) -> MasterKey:
    """The key that the installation was made with, of before keys had rows."""
    row = MasterKey(
        key_id=sealed_by(installation.key_check_sealed),
        state=MasterKeyState.ACTIVE,
        created_at=uow.now,
        activated_at=uow.now,
    )
    await uow.insert(row, taken=_rotating())
    uow.emit(EventType.MASTER_KEY_PUT_TO_USE, row)
    return row


async def _use_active(uow: UnitOfWork) -> str:
    active = await queries.find_active(uow)
    if active is None or not uow.tools.sealer.use(active.key_id):
        raise unavailable("master_key_missing", "the active master key is not in the key file")
    return active.key_id


async def _reseal_row(uow: UnitOfWork, sealed: SealedColumn, row: Row[Any]) -> list[str]:
    """Seal one value anew; its place if it does not open."""
    sealer, place = uow.tools.sealer, sealed.place_of(row)
    value = sealed.value_of(row)
    try:
        new = sealer.seal(sealer.open(value, place), place)
    except SealError:
        return [f"{sealed.name} of {place.row_id}"]
    statement = update(sealed.table).where(sealed.column == value).values({sealed.column: new})
    for column in sealed.key:
        statement = statement.where(column == row._mapping[column.name])  # noqa: SLF001 -- SQLAlchemy's public name for it
    # Not through the row: what it says stays the same, so there is neither an event nor another
    # version that would refuse somebody's change. Whoever changed the value meanwhile wins.
    await uow.session.execute(statement)
    return []


def _broken_place(sealer: Sealer, sealed: SealedColumn, row: Row[Any]) -> str | None:
    place = sealed.place_of(row)
    try:
        sealer.open(sealed.value_of(row), place)
    except SealError:
        return f"{sealed.name} of {place.row_id}"
    return None


def _is_at_hand(uow: UnitOfWork, row: MasterKey) -> bool:
    return uow.tools.sealer.has(row.key_id)


def _not_prepared() -> IamError:
    return unavailable("not_prepared", "there is no installation yet; start the server once")


def _rotating() -> IamError:
    return conflict("rotation_under_way", "another rotation of the master key is under way")
