import os
import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam.kit.ids import IdKind, first_id, is_id, new_id

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def to_uuid(text: str) -> uuid.UUID:
    number = 0
    for character in text.partition("_")[2]:
        number = number * 32 + ALPHABET.index(character)
    return uuid.UUID(int=number)


@pytest.mark.parametrize("kind", IdKind)
def test_an_id_is_its_prefix_and_26_crockford_characters(kind: IdKind) -> None:
    text = new_id(kind, NOON)

    prefix, _, rest = text.partition("_")
    assert prefix == kind.value
    assert len(rest) == 26
    assert set(rest) <= set(ALPHABET)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds the zone
def test_an_id_of_any_time_is_a_uuid_of_version_7(now: datetime) -> None:
    value = to_uuid(new_id(IdKind.USER, now))

    assert (value.version, value.variant) == (7, uuid.RFC_4122)


def test_the_first_48_bits_are_the_millisecond_of_birth() -> None:
    born = datetime(2031, 5, 6, 7, 8, 9, 123_999, tzinfo=UTC)

    value = to_uuid(new_id(IdKind.USER, born))

    assert value.int >> 80 == int(born.timestamp()) * 1000 + 123


def test_the_first_id_of_an_instant_stands_between_what_began_before_and_after() -> None:
    instant = datetime(2031, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
    first = first_id(IdKind.EVENT, instant)
    assert new_id(IdKind.EVENT, instant - timedelta(seconds=11)) < first
    assert first < new_id(IdKind.EVENT, instant)
    assert first_id(IdKind.EVENT, instant + timedelta(microseconds=999)) == first
    assert first < first_id(IdKind.EVENT, instant + timedelta(milliseconds=1))
    assert first_id(IdKind.EVENT, datetime(1, 1, 1, tzinfo=UTC)) == "evt_0000000000"


def test_forty_thousand_ids_of_one_instant_are_distinct_and_in_order() -> None:
    ids = [new_id(IdKind.TOKEN, NOON) for _ in range(40_000)]

    assert all(earlier < later for earlier, later in pairwise(ids))
    assert all(map(is_id, ids))


def test_order_survives_a_clock_that_steps_back_a_little() -> None:
    first = new_id(IdKind.EVENT, NOON + timedelta(days=1))
    second = new_id(IdKind.EVENT, NOON + timedelta(days=1, seconds=-9))

    assert first < second


def test_a_clock_that_is_set_back_far_is_believed() -> None:
    new_id(IdKind.EVENT, NOON + timedelta(days=2))

    value = to_uuid(new_id(IdKind.EVENT, NOON))

    assert value.int >> 80 == int(NOON.timestamp()) * 1000


def test_a_forked_child_does_not_mint_its_parents_randomness() -> None:
    new_id(IdKind.USER, NOON)  # the pool is filled before the fork
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, new_id(IdKind.USER, NOON).encode())
        os._exit(0)
    os.waitpid(child, 0)

    theirs = os.read(reader, 64).decode()
    ours = new_id(IdKind.USER, NOON)

    os.close(reader)
    os.close(writer)
    assert is_id(theirs)
    assert theirs[-12:] != ours[-12:]


def test_a_form_is_recognised_with_and_without_its_kind() -> None:
    text = new_id(IdKind.ROLE, NOON)

    assert is_id(text)
    assert is_id(text, IdKind.ROLE)
    assert not is_id(text, IdKind.USER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "usr_",
        "usr_01kdyzzz00e0080000000000",
        "usr_01kdyzzz00e008000000000000000",
        "xyz_01kdyzzz00e008000000000000",
        "usr-01kdyzzz00e008000000000000",
        "USR_01kdyzzz00e008000000000000",
        "usr_01KDYZZZ00E008000000000000",
        "usr_81kdyzzz00e008000000000000",
        "usr_01kdyzzz00d008000000000000",
        "usr_01kdyzzz00e00c000000000000",
        "usr_01kdyzzz00e00800000000000u",
        "usr_01kdyzzz00e008000000000000\n",
        " usr_01kdyzzz00e008000000000000",
        "usr_01kdyzzz00e00800000000000\N{FULLWIDTH DIGIT ZERO}",
    ],
)
def test_what_only_looks_like_an_id_is_refused(text: str) -> None:
    assert is_id("usr_01kdyzzz00e008000000000000")
    assert not is_id(text)
