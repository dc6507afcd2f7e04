"""Use cases of recovery. All of them are the host's own: who runs them has the key file."""

from hmac import compare_digest

from iam.errors import IamError, conflict, not_found, unavailable
from iam.features.master_key.queries import find_active, list_keys
from iam.features.recovery import queries, rules
from iam.features.recovery.rules import RecoveryCopy
from iam.journal.events import EventType
from iam.kit.age import Recipient, armor, encrypt
from iam.kit.secrets import mint_code
from iam.models import Installation, MasterKeyState, RecoveryRecipient
from iam.work import UnitOfWork


async def add_recipient(uow: UnitOfWork, *, recipient: str) -> str:
    """Write a recovery copy for a recipient, who counts once `confirm_recipient` has its code.

    Returns the copy, armored. Raises `IamError` (invalid) when it is no public key of age.
    """
    parsed = Recipient.parse(recipient)
    code = mint_code()
    row = await uow.get(RecoveryRecipient, str(parsed))
    if row is None:
        row = RecoveryRecipient(
            recipient=str(parsed),
            confirmation_hash=rules.confirmation_hash(code),
            created_at=uow.now,
        )
        await uow.insert(row, taken=_taken())
        uow.emit(EventType.RECOVERY_RECIPIENT_CREATED, row)
    row.confirmation_hash = rules.confirmation_hash(code)
    return await _recovery_copy(uow, [parsed], confirmation=code)


async def confirm_recipient(uow: UnitOfWork, *, code: str) -> RecoveryRecipient:
    """Take the code from a recovery copy as proof that its recipient can open it."""
    wanted = rules.confirmation_hash(code)
    for row in await queries.list_recipients(uow):
        if compare_digest(row.confirmation_hash, wanted):
            if row.confirmed_at is None:
                row.confirmed_at = uow.now
                uow.emit(EventType.RECOVERY_RECIPIENT_CONFIRMED, row)
            return row
    raise not_found("not_found", "no recovery copy has this code; use that of the latest copy")


async def remove_recipient(uow: UnitOfWork, *, recipient: str) -> None:
    """Write nothing for this recipient any more; older backups and copies stay readable."""
    row = await uow.get(RecoveryRecipient, recipient)
    if row is None:
        raise not_found("not_found", f"there is no recovery recipient `{recipient[:100]}`")
    uow.emit(EventType.RECOVERY_RECIPIENT_DELETED, row)
    await uow.delete(row)


async def confirmed_recipients(uow: UnitOfWork) -> list[Recipient]:
    """Who has shown to be able to recover the master key."""
    rows = await queries.list_recipients(uow, only_confirmed=True)
    return [Recipient.parse(row.recipient) for row in rows]


async def recovery_copy(uow: UnitOfWork) -> str:
    """A recovery copy for everyone confirmed; it goes into every backup."""
    return await _recovery_copy(uow, await confirmed_recipients(uow), confirmation="")


async def _recovery_copy(uow: UnitOfWork, recipients: list[Recipient], *, confirmation: str) -> str:
    installation = await uow.get(Installation, 1)
    active = await find_active(uow)
    if installation is None or active is None:
        raise unavailable("not_prepared", "there is no installation yet; start the server once")
    retired = {row.key_id for row in await list_keys(uow) if row.state == MasterKeyState.RETIRED}
    keys = uow.tools.sealer.master_keys
    copy = RecoveryCopy(
        installation=installation.uid,
        created_at=uow.now.isoformat(timespec="seconds"),
        active=active.key_id,
        keys={key_id: key for key_id, key in keys.items() if key_id not in retired},
        confirmation=confirmation,
    )
    return armor(encrypt(copy.to_json().encode(), recipients))


def _taken() -> IamError:
    return conflict("recipient_taken", "somebody is adding the same recovery key")
