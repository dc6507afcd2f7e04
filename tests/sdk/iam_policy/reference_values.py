"""How the second evaluator compares text, numbers, instants, addresses, bytes and names.

As slow and plain as `reference`, and like it without a line of the engine's.
"""

import re
from base64 import b64decode
from datetime import datetime
from decimal import Decimal
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Context = dict[str, Any]

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TIME = re.compile(r"[0-9-]{10}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})")


def lookup(context: Context, key: str) -> Any:
    return next((value for name, value in context.items() if name.lower() == key.lower()), None)


def like(pattern: str, text: str, context: Context, variables: bool) -> bool:
    symbols = _symbols(pattern, context) if variables else list(pattern)
    return symbols is not None and glob(symbols, text)


def _symbols(pattern: str, context: Context) -> list[str] | None:
    """Split into wildcards, and literal characters marked by a leading backslash."""
    symbols: list[str] = []
    while pattern:
        if pattern.startswith("${"):
            name, pattern = pattern[2:].split("}", 1)
            key, _, default = name.partition(", ")
            value = name if name in {"*", "?", "$"} else lookup(context, key)
            if isinstance(value, list) or (value is None and not default):
                return None
            if not value and default:
                value = default.strip("'")
            symbols += ["\\" + character for character in _text(value)]
        else:
            symbols.append(pattern[0])
            pattern = pattern[1:]
    return symbols


def glob(symbols: list[str], text: str) -> bool:
    """Keep every position the pattern could have reached so far."""
    reached = {0}
    for symbol in symbols:
        if symbol == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        elif symbol == "?":
            reached = {place + 1 for place in reached if place < len(text)}
        else:
            wanted = symbol[-1]
            reached = {p + 1 for p in reached if p < len(text) and text[p] == wanted}
    return len(text) in reached


def compare(
    operator: str, value: Any, wanted: list[Any], context: Context, variables: bool
) -> bool | None:
    """Compare one value with those of the policy; None if it is not of the operator's type."""
    text = _text(value)
    texts = [_text(one) for one in wanted]
    if operator.startswith("String"):
        return any(_string(operator, text, one, context, variables) for one in texts)
    if operator.startswith("Arn"):
        found = any(_arn(one, text, context, variables) for one in texts)
        return found if text.count(":") >= 5 else None
    if operator == "Bool":
        return text.lower() in {one.lower() for one in texts}
    try:
        return any(_measure(operator, value, one) for one in texts)
    except (ValueError, ArithmeticError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def _string(operator: str, text: str, one: str, context: Context, variables: bool) -> bool:
    if operator == "StringLike":
        return like(one, text, context, variables)
    symbols = _symbols(one, context) if variables else list(one)
    if symbols is None:
        return False
    literal = "".join(symbol[-1] for symbol in symbols)
    if operator == "StringEqualsIgnoreCase":
        return literal.lower() == text.lower()
    return literal == text


def _arn(pattern: str, text: str, context: Context, variables: bool) -> bool:
    alone = variables and re.fullmatch(r"\$\{[^}]+\}", pattern)
    if pattern == "*" or alone:
        return like(pattern, text, context, variables)
    # The colon of a key, ${iam:username}, parts no segments.
    colon = r":(?![^{]*\})" if variables else ":"
    segments = re.split(colon, pattern, maxsplit=5)
    pairs = zip(segments, text.split(":", 5), strict=False)
    return all(like(one, part, context, variables) for one, part in pairs)


def _measure(operator: str, value: Any, one: str) -> bool:
    text = _text(value)
    if operator == "BinaryEquals":
        return b64decode(text, validate=True) == b64decode(one, validate=True)
    if operator == "IpAddress":
        return _inside(text, one)
    read = _number if operator.startswith("Numeric") else _instant
    return _ordered(operator.removeprefix("Numeric").removeprefix("Date"), read(text), read(one))


def _ordered(order: str, found: Decimal, wanted: Decimal) -> bool:
    return {
        "Equals": found == wanted,
        "LessThan": found < wanted,
        "LessThanEquals": found <= wanted,
        "GreaterThan": found > wanted,
        "GreaterThanEquals": found >= wanted,
    }[order]


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    return Decimal(text)


def _instant(text: str) -> Decimal:
    if re.fullmatch("[0-9]{4}", text):
        text += "-01"
    if re.fullmatch("[0-9]{4}-[0-9]{2}", text):
        text += "-01"
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        text += "T00:00Z"
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if not _TIME.fullmatch(text):
        raise ValueError("no instant")
    return Decimal(str(datetime.fromisoformat(text).timestamp()))


def _inside(text: str, one: str) -> bool:
    if "%" in text:
        raise ValueError("a zone is local to one machine")
    address, network = ip_address(text), ip_network(one, strict=False)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
        first = network.network_address.ipv4_mapped
        network = ip_network(f"{first}/{network.prefixlen - 96}")
    return address in network
