import hashlib
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam.kit.secrets import (
    SECRET_PATTERN,
    SecretKind,
    base62,
    hash_secret,
    is_secret,
    mint_secret,
    spread,
    with_checksum,
)

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("kind", SecretKind)
def test_a_minted_secret_has_a_fixed_recognisable_form(kind: SecretKind) -> None:
    minted = mint_secret(kind)

    assert re.fullmatch(f"iam_{kind.value}_[0-9A-Za-z]{{49}}", minted.text)
    assert is_secret(minted.text, kind)
    assert re.findall(SECRET_PATTERN, f"key={minted.text}.\n") == [minted.text]


def test_a_secret_is_minted_together_with_its_sha_256() -> None:
    minted = mint_secret(SecretKind.CLIENT_SECRET)

    assert minted.hash == hash_secret(minted.text) == hashlib.sha256(minted.text.encode()).digest()


def test_sr_09_a_minted_secret_is_masked_wherever_it_is_printed() -> None:
    minted = mint_secret(SecretKind.PERSONAL_ACCESS_TOKEN)

    assert minted.text not in repr(minted)
    assert minted.text not in f"{minted} {[minted]}"


def test_two_secrets_differ() -> None:
    assert len({mint_secret(SecretKind.TICKET).text for _ in range(100)}) == 100


def test_a_secret_of_one_kind_is_not_one_of_another() -> None:
    assert not is_secret(mint_secret(SecretKind.TICKET).text, SecretKind.CLIENT_SECRET)


def test_every_single_changed_character_is_noticed() -> None:
    text = mint_secret(SecretKind.CLIENT_SECRET).text
    changed = [
        text[:i] + other + text[i + 1 :]
        for i in range(len(text))
        for other in "0Az_. \n"
        if other != text[i]
    ]

    assert not any(is_secret(each, SecretKind.CLIENT_SECRET) for each in changed)


@given(st.text(max_size=80))
def test_arbitrary_text_is_no_secret(text: str) -> None:
    assert not is_secret(text, SecretKind.CLIENT_SECRET)
    assert not is_secret("iam_cs_" + text, SecretKind.CLIENT_SECRET)


def test_a_refresh_token_with_dotted_fields_is_recognised_too() -> None:
    mac = base62(bytes(range(32)), 43)
    text = with_checksum(f"iam_rt_ses_01kdyzzz00e008000000000000.7.{mac}")

    assert is_secret(text, SecretKind.REFRESH_TOKEN)
    assert re.findall(SECRET_PATTERN, f"'{text}'") == [text]
    assert not is_secret(text.replace(".7.", ".8."), SecretKind.REFRESH_TOKEN)


@given(st.binary(max_size=32))
def test_base_62_can_be_read_back(value: bytes) -> None:
    text = base62(value, 43)

    number = 0
    for character in text:
        number = number * 62 + DIGITS.index(character)
    assert len(text) == 43
    assert number == int.from_bytes(value)


@pytest.mark.parametrize("length", [5, 4])
def test_base_62_never_cuts(length: int) -> None:
    with pytest.raises(OverflowError, match="do not fit"):
        base62(b"\xff\xff\xff\xff", length)


def test_a_spread_shortens_by_a_fifth_at_most_and_never_lengthens() -> None:
    spreads = [spread(timedelta(days=90)) for _ in range(200)]

    assert all(timedelta(days=72) <= each <= timedelta(days=90) for each in spreads)
    assert len(set(spreads)) > 100


def test_no_fraction_means_no_spread() -> None:
    assert spread(timedelta(days=1), 0) == timedelta(days=1)


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_an_impossible_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        spread(timedelta(days=1), fraction)
