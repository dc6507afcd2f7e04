"""Bech32 (BIP 173): bytes as text that people copy, with a checksum that finds their slips.

The keys of age are written so; of the other uses of Bech32, nothing is here.
"""

from collections.abc import Iterable, Sequence
from typing import Final

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH: Final = 6


def encode(prefix: str, data: bytes) -> str:
    """The text of these bytes, in lower case."""
    values = _regroup(data, source=8, target=5, pads=True)
    checked = [*_expand(prefix), *values, *[0] * _CHECKSUM_LENGTH]
    remainder = _remainder(checked) ^ 1
    checksum = [remainder >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_LENGTH)]
    return f"{prefix}1{''.join(_ALPHABET[value] for value in [*values, *checksum])}"


def decode(text: str) -> tuple[str, bytes]:
    """The prefix, in lower case, and the bytes. Raises `ValueError` for any other text."""
    if text not in {text.lower(), text.upper()}:
        raise ValueError("upper and lower case are mixed")
    prefix, separator, rest = text.lower().rpartition("1")
    if not separator or len(rest) < _CHECKSUM_LENGTH or not set(rest) <= set(_ALPHABET):
        raise ValueError("not Bech32")
    values = [_ALPHABET.index(character) for character in rest]
    if _remainder([*_expand(prefix), *values]) != 1:
        raise ValueError("the checksum is wrong")
    return prefix, bytes(_regroup(values[:-_CHECKSUM_LENGTH], source=5, target=8, pads=False))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode()
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _remainder(values: Iterable[int]) -> int:
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_GENERATOR):
            if top >> bit & 1:
                remainder ^= term
    return remainder


def _regroup(data: Sequence[int], *, source: int, target: int, pads: bool) -> list[int]:
    """Groups of `source` bits as groups of `target` bits."""
    pending, bits = 0, 0
    groups: list[int] = []
    for value in data:
        pending, bits = pending << source | value, bits + source
        while bits >= target:
            bits -= target
            groups.append(pending >> bits & (1 << target) - 1)
        pending &= (1 << bits) - 1
    if pads and bits:
        groups.append(pending << target - bits & (1 << target) - 1)
    elif not pads and (bits >= source or pending):
        raise ValueError("the padding is wrong")
    return groups
