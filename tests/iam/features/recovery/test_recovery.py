"""Who holds a recovery key gets everything back; who has not shown it does not count."""

import pytest

from iam.errors import IamError
from iam.features.recovery import queries
from iam.features.recovery.rules import RecoveryCopy, confirmation_hash
from iam.features.recovery.service import (
    add_recipient,
    confirm_recipient,
    confirmed_recipients,
    remove_recipient,
)
from iam.kit.age import Identity, decrypt
from iam.kit.sealing import key_id_of
from tests.world import MASTER_KEY, World

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]


async def test_a_recipient_counts_once_the_code_in_its_copy_was_given(world: World) -> None:
    identity, other = Identity.new(), Identity.new()
    async with world.work() as uow:
        first = await add_recipient(uow, recipient=str(identity.recipient))
        await add_recipient(uow, recipient=str(other.recipient))
        assert await confirmed_recipients(uow) == []
    async with world.work() as uow:
        latest = await add_recipient(uow, recipient=str(identity.recipient))
    outdated = RecoveryCopy.parse(decrypt(first.encode(), [identity]))
    copy = RecoveryCopy.parse(decrypt(latest.encode(), [identity]))
    assert copy.in_order == [MASTER_KEY]
    assert copy.active == key_id_of(MASTER_KEY)
    with pytest.raises(IamError):
        decrypt(latest.encode(), [other])
    for wrong in ("", "0000-0000-0000-0000", outdated.confirmation):
        with pytest.raises(IamError) as caught:
            async with world.work() as uow:
                await confirm_recipient(uow, code=wrong)
        assert caught.value.code == "not_found"
    async with world.work() as uow:
        row = await confirm_recipient(uow, code=copy.confirmation.upper().replace("-", " "))
        assert row.recipient == str(identity.recipient)
    async with world.work() as uow:
        assert await confirmed_recipients(uow) == [identity.recipient]
        await remove_recipient(uow, recipient=str(identity.recipient))
    async with world.work() as uow:
        assert [row.recipient for row in await queries.list_recipients(uow)] == [
            str(other.recipient)
        ]
    types = [event.type for event in await world.events()]
    assert [each.split(".")[2] for each in types if "recovery_recipient" in each] == [
        "created", "created", "confirmed", "deleted",
    ]  # fmt: skip


async def test_sr_01_no_event_of_recovery_holds_a_key_or_a_code(world: World) -> None:
    identity = Identity.new()
    async with world.work() as uow:
        armored = await add_recipient(uow, recipient=str(identity.recipient))
    copy = RecoveryCopy.parse(decrypt(armored.encode(), [identity]))
    told = "".join(f"{event.after}{event.detail}" for event in await world.events())
    assert str(identity.recipient) in told
    for secret in (copy.confirmation, MASTER_KEY.hex(), confirmation_hash(copy.confirmation).hex()):
        assert secret not in told
    assert MASTER_KEY.hex() not in repr(copy)
    assert copy.confirmation not in repr(copy)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"format": "iam recovery copy"}',
        RecoveryCopy("ins_1", "now", "00", {"00": MASTER_KEY}).to_json().encode(),
        RecoveryCopy("ins_1", "now", "00", {key_id_of(MASTER_KEY): MASTER_KEY}).to_json().encode(),
        RecoveryCopy("ins_1", "now", key_id_of(MASTER_KEY), {key_id_of(MASTER_KEY): MASTER_KEY})
        .to_json()
        .replace("iam recovery copy", "another")
        .encode(),
    ],
)
def test_what_is_no_recovery_copy_is_refused(text: bytes) -> None:
    with pytest.raises(IamError) as caught:
        RecoveryCopy.parse(text)
    assert caught.value.code == "recovery_copy_malformed"
