import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam.errors import ErrorKind, IamError
from iam.kit.sealing import (
    Place,
    Sealer,
    SealError,
    create_master_key,
    load_master_key,
    load_master_keys,
    save_master_keys,
    sealed_by,
)

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = Place(table="credentials", column="secret", row_id="crd_1", account="main")


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_in_its_place(plain: bytes) -> None:
    sealer = Sealer(NEW)

    assert sealer.open(sealer.seal(plain, PLACE), PLACE) == plain


def test_a_sealed_value_hides_its_content_and_differs_each_time() -> None:
    sealer = Sealer(NEW)

    sealed = sealer.seal(b"totp seed", PLACE)

    assert b"totp seed" not in sealed
    assert sealed != sealer.seal(b"totp seed", PLACE)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Place)])
def test_sr_02_a_value_does_not_open_in_another_row_column_table_or_account(field: str) -> None:
    sealer = Sealer(NEW)
    sealed = sealer.seal(b"seed", PLACE)
    elsewhere = dataclasses.replace(PLACE, **{field: "other"})

    with pytest.raises(SealError) as refusal:
        sealer.open(sealed, elsewhere)

    assert refusal.value.place == elsewhere


def test_pe_24_a_place_is_not_the_concatenation_of_its_parts() -> None:
    sealer = Sealer(NEW)
    sealed = sealer.seal(b"seed", Place("a", "bc", "d", "e"))

    with pytest.raises(SealError):
        sealer.open(sealed, Place("ab", "c", "d", "e"))


def test_every_changed_or_missing_byte_is_noticed() -> None:
    sealer = Sealer(NEW, older=[OLD])
    sealed = sealer.seal(b"seed", PLACE)
    changed = [sealed[:i] + bytes([b ^ 1]) + sealed[i + 1 :] for i, b in enumerate(sealed)]
    cut = [sealed[:i] for i in range(len(sealed))]

    for each in [*changed, *cut, sealed + b"\0"]:
        with pytest.raises(SealError):
            sealer.open(each, PLACE)


def test_a_refusal_says_nothing_of_the_place_or_the_cause() -> None:
    with pytest.raises(IamError) as refusal:
        Sealer(NEW).open(b"", PLACE)

    error = refusal.value
    assert (error.kind, error.code, error.detail) == (ErrorKind.UNAVAILABLE, "seal_broken", {})
    assert error.message == "a stored secret cannot be read"


def test_sr_03_after_a_rotation_old_values_open_and_new_ones_use_the_new_key() -> None:
    before = Sealer(OLD)
    rotated = Sealer(NEW, older=[OLD])
    after = Sealer(NEW)
    old_value = before.seal(b"seed", PLACE)

    assert rotated.open(old_value, PLACE) == b"seed"
    assert not rotated.is_current(old_value)
    resealed = rotated.seal(rotated.open(old_value, PLACE), PLACE)
    assert rotated.is_current(resealed)
    assert after.open(resealed, PLACE) == b"seed"


def test_sr_04_another_master_key_opens_nothing_and_is_told_apart_by_its_id() -> None:
    with pytest.raises(SealError):
        Sealer(OLD).open(Sealer(NEW).seal(b"seed", PLACE), PLACE)

    assert Sealer(OLD).key_id != Sealer(NEW).key_id
    assert Sealer(NEW, older=[OLD]).key_id == Sealer(NEW).key_id


def test_subkeys_are_apart_by_purpose_and_by_master_key() -> None:
    sealer = Sealer(NEW, older=[OLD])

    assert sealer.subkey("cursors") == Sealer(NEW).subkey("cursors")
    assert sealer.subkeys("cursors") == [
        Sealer(NEW).subkey("cursors"),
        Sealer(OLD).subkey("cursors"),
    ]
    assert len({sealer.subkey("cursors"), sealer.subkey("tickets"), *sealer.subkeys("")}) == 4
    assert len(sealer.subkey("cursors")) == 32


def test_a_master_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(b"short")


def test_a_created_master_key_can_be_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"

    key = create_master_key(path)

    assert len(key) == 32
    assert load_master_key(path) == key
    assert path.read_text() == key.hex() + "\n"


def test_sr_04_a_master_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    key = create_master_key(path)

    with pytest.raises(IamError, match="never overwritten"):
        create_master_key(path)

    assert load_master_key(path) == key


def test_sr_04_a_missing_master_key_is_refused_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    with pytest.raises(IamError, match="found none"):
        load_master_key(path)

    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "master_key_empty"),
        (b"\n", "master_key_empty"),
        (b"ab" * 31, "master_key_malformed"),
        (b"ab" * 33, "master_key_malformed"),
        (b"zz" * 32, "master_key_malformed"),
        (b"\xff" * 32, "master_key_malformed"),
        (b"ab" * 32 + b"\n\n", "master_key_malformed"),
        (b"ab" * 32 + b"\n\n" + b"cd" * 32, "master_key_malformed"),
    ],
)
def test_sr_04_a_master_key_of_wrong_form_is_refused_without_showing_it(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(IamError) as refusal:
        load_master_key(path)

    assert refusal.value.code == code
    assert "abab" not in refusal.value.message


def test_sr_10_a_master_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"
    create_master_key(path)
    path.chmod(0o644)

    with pytest.raises(IamError, match="found 0644"):
        load_master_key(path)


def test_f_31_a_key_that_came_into_the_file_later_is_found_there(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    save_master_keys(path, [OLD])
    running = Sealer(OLD, reread=lambda: load_master_keys(path))
    save_master_keys(path, [OLD, NEW])
    assert running.open(Sealer(NEW).seal(b"seed", PLACE), PLACE) == b"seed"
    path.unlink()  # what was read stays
    assert running.use(Sealer(NEW).key_id)
    assert running.open(running.seal(b"seed", PLACE), PLACE) == b"seed"
    assert running.open(Sealer(OLD).seal(b"seed", PLACE), PLACE) == b"seed"


def test_f_31_a_missing_file_changes_nothing_for_who_has_read_it(tmp_path: Path) -> None:
    running = Sealer(OLD, reread=lambda: load_master_keys(tmp_path / "gone"))
    with pytest.raises(SealError):
        running.open(Sealer(NEW).seal(b"seed", PLACE), PLACE)
    assert not running.use(Sealer(NEW).key_id)
    assert running.open(running.seal(b"seed", PLACE), PLACE) == b"seed"


def test_what_was_sealed_tells_by_which_key() -> None:
    both = Sealer(OLD, older=[NEW])
    by_old = both.seal(b"seed", PLACE)
    assert both.use(Sealer(NEW).key_id)
    assert [sealed_by(by_old), sealed_by(both.seal(b"seed", PLACE))] == list(both.master_keys)
    assert not both.is_current(by_old)
    assert both.subkey("cursors") == Sealer(OLD).subkey("cursors")


def test_a_file_of_several_keys_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    save_master_keys(path, [OLD])
    save_master_keys(path, [OLD, NEW])
    assert load_master_keys(path) == [OLD, NEW]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]
