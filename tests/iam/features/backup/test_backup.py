"""A backup holds one state of a database that goes on, opens only for its owners, comes back."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from iam.errors import IamError
from iam.features.backup.service import (
    identities_of,
    note_verified,
    opened,
    prune_backups,
    verify_backup,
)
from iam.kit import dumps
from iam.kit.age import Identity
from iam.kit.sealing import Sealer
from iam.models import Backup
from tests.backups import back_up, give_recovery_key
from tests.world import Actor, World

pytestmark = pytest.mark.anyio
APART = timedelta(hours=1)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def damage(path: Path, *, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 64)


def files_in(directory: Path) -> dict[str, int]:
    """The names and modes of all files in a directory."""
    return {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}


async def test_f_36_a_backup_of_a_busy_database_is_one_state_and_opens_for_each_owner(
    world: World, admin: Actor, tmp_path: Path
) -> None:
    recovery = await give_recovery_key(world)
    stop = asyncio.Event()

    async def go_on() -> int:
        count = 0
        while not stop.is_set():
            answer = await admin.http.post("/v1/groups", json={"name": f"group-{count}"})
            assert answer.status_code == 201, answer.text
            count += 1
        return count

    writer = asyncio.create_task(go_on())
    made = await back_up(world, tmp_path)
    stop.set()
    assert await writer > 0
    path = Path(made.path)
    assert files_in(path.parent) == {path.name: 0o600}
    sealer = world.runtime.tools.sealer
    by_master = await verify_backup(sealer, path=path, scratch=tmp_path)
    by_recovery = await verify_backup(sealer, path=path, identities=[recovery], scratch=tmp_path)
    assert by_master == by_recovery
    assert by_master.rows == made.rows
    assert by_master.values > 0
    assert by_master.header.database == world.runtime.database.url.get_backend_name()
    assert b"group-0" not in content_of(path)
    with pytest.raises(IamError) as caught:
        await verify_backup(Sealer(bytes(32)), path=path)
    assert caught.value.code == "age_not_for_us"


@pytest.mark.any_database
async def test_f_37_a_flipped_byte_or_a_lost_end_is_found(world: World, tmp_path: Path) -> None:
    await give_recovery_key(world)
    path = Path((await back_up(world, tmp_path)).path)
    whole = content_of(path)
    sealer = world.runtime.tools.sealer
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for content in (changed, whole[:-1], whole[:middle], b""):
        write(path, content)
        with pytest.raises(IamError) as caught:
            await verify_backup(sealer, path=path, scratch=tmp_path)
        assert caught.value.code in {"age_broken", "age_malformed"}


@pytest.mark.any_database
async def test_f_37_a_damaged_page_is_found_before_it_is_backed_up(
    world: World, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    source = world.runtime.database.open_sqlite()
    source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = source.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'principals'"
    ).fetchone()
    (size,) = source.execute("PRAGMA page_size").fetchone()
    source.close()
    damage(Path(str(world.runtime.database.url.database)), at=(page - 1) * size)
    with pytest.raises(IamError) as caught:
        async with dumps.snapshot(world.runtime.database, beside=tmp_path):
            pass
    assert caught.value.code == "database_damaged"


@pytest.mark.any_database
async def test_nothing_is_backed_up_that_only_the_master_key_opens(
    world: World, tmp_path: Path
) -> None:
    with pytest.raises(IamError) as caught:
        await back_up(world, tmp_path)
    assert caught.value.code == "recovery_unconfirmed"
    assert "master-key escrow" in caught.value.message


@pytest.mark.any_database
async def test_sr_06_the_file_of_a_backup_tells_nothing_without_a_key(
    world: World, admin: Actor, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    made = await back_up(world, tmp_path)
    content = content_of(Path(made.path))
    for known in (admin.id, admin.name, "principals", "administrators", made.id, "iam backup"):
        assert known.encode() not in content
    with opened(Path(made.path), identities_of(world.runtime.tools.sealer)) as backup:
        assert admin.id not in backup.header.recovery
    with pytest.raises(IamError), opened(Path(made.path), [Identity.new()]):
        pass


@pytest.mark.any_database
async def test_old_backups_are_forgotten_and_what_was_put_elsewhere_stays(
    world: World, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    made: list[Backup] = []
    for _ in range(3):
        await world.advance(APART)
        made.append(await back_up(world, tmp_path))
    elsewhere = tmp_path / "elsewhere"
    await world.advance(APART)
    other = await back_up(world, elsewhere)
    async with world.work() as uow:
        gone = await prune_backups(uow, directory=tmp_path / "backups", keep=2)
        await note_verified(uow, id=made[2].id)
    assert gone == [Path(made[0].path)]
    assert list(files_in(elsewhere / "backups")) == [Path(other.path).name]
    types = [event.type for event in await world.events()]
    assert types.count("iam.backup.created.v1") == 4
    assert types.count("iam.backup.deleted.v1") == 1
    assert types.count("iam.backup.verified.v1") == 1
