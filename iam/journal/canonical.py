"""One text for one JSON value: the JSON Canonicalization Scheme (RFC 8785).

What is hashed and signed is the text, so two programs that mean the same value must write the same
text, whatever their language and however their database keeps JSON.
"""

import json
from decimal import Decimal
from typing import Any, Final

_EXACT: Final = 2**53
"""Below this a double holds every integer (RFC 8785 section 3.2.2.3)."""
_PLAIN_DIGITS: Final = 21
_PLAIN_ZEROS: Final = 6


def canonical(value: Any) -> bytes:
    """The one spelling of a JSON value, in UTF-8.

    What JSON has no word for does not come out of a database: a number beyond a double becomes
    `null`, half a surrogate pair a question mark. An audit row must be sealed whatever it holds.
    """
    return _text(value).encode("utf-8", "replace")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        # RFC 8785 section 3.2.3: by UTF-16 code units, which is not the order of code points.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_string(name)}:{_text(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and -_EXACT < value < _EXACT:
        return str(value)
    return _number(value)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """As ECMAScript writes a double (ECMA-262, Number::toString)."""
    try:
        _, found, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    except OverflowError:
        return "null"
    if not isinstance(exponent, int):  # infinity, or not a number
        return "null"
    digits = "".join(map(str, found))
    if digits == "0":
        return "0"
    sign = "-" if value < 0 else ""
    return sign + _placed(digits, len(digits) + exponent)


def _placed(digits: str, point: int) -> str:
    """Digits with the decimal point before the one at `point`."""
    count = len(digits)
    if count <= point <= _PLAIN_DIGITS:
        return digits + "0" * (point - count)
    if 0 < point <= _PLAIN_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if -_PLAIN_ZEROS < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
