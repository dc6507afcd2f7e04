"""Address operators: one address against CIDR ranges or bare addresses, IPv4 and IPv6 mixed.

An address of the other family is outside. Host bits in a range are masked, and an IPv4 address
written as IPv6 (``::ffff:10.0.0.1``) is that IPv4 address: AWS leaves both open.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

from iam_policy.conditions.lookups import Lookup, bits, packed
from iam_policy.conditions.registry import Operator, Test, ValueListError
from iam_policy.variables import Env, Scalar

_EXPECTED = "an address or a range such as 203.0.113.0/24 or 2001:db8::/32"
_IPV4_BITS = 32
_MAPPED = 96  # the bits of ::ffff:0:0 before the IPv4 address


@lru_cache(maxsize=4_096)  # ipaddress takes microseconds, and callers come from few addresses
def _address(text: str) -> tuple[int, int] | None:
    """Return (width in bits, number), or None if the text is no address."""
    if "%" in text:  # a zone is local to one machine
        return None
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.max_prefixlen, int(address)


def _range(text: str) -> tuple[int, int, int] | None:
    """Return (width, bits to drop, network), or None if the text is no range."""
    base, slash, length = text.partition("/")
    address = _address(base)
    if address is None:
        return None
    width, number = address
    if not slash:
        return width, 0, number
    if not (length.isascii() and length.isdecimal() and len(length) <= 3):  # noqa: PLR2004 -- the longest is /128
        return None
    prefix = int(length)
    if ":" in base and width == _IPV4_BITS:
        prefix -= _MAPPED
    if not 0 <= prefix <= width:
        return None
    return width, width - prefix, number >> (width - prefix)


def _inside(values: Sequence[str], _: bool) -> Test:  # noqa: FBT001 -- the shape of Build
    ranges: list[tuple[int, int, int]] = []
    for index, value in enumerate(values):
        found = _range(value)
        if found is None:
            raise ValueListError(index, _EXPECTED)
        ranges.append(found)

    def test(value: Scalar, _: Env) -> bool | None:
        address = _address(value) if isinstance(value, str) else None
        if address is None:
            return None
        width, number = address
        for family, dropped, network in ranges:  # half the cost of any()
            if width == family and number >> dropped == network:
                return True
        return False

    return test


def _gather(lines: Mapping[str, Sequence[int]]) -> Lookup:
    """Find ranges by their network, for each of the lengths that occur."""
    listed: dict[tuple[int, int], dict[int, list[int]]] = {}
    for text, places in lines.items():
        width, dropped, network = cast("tuple[int, int, int]", _range(text))  # bound before
        listed.setdefault((width, dropped), {}).setdefault(network, []).extend(places)
    tables = [
        (length, {network: packed(places) for network, places in networks.items()})
        for length, networks in listed.items()
    ]

    def lookup(value: Scalar) -> int | None:
        address = _address(value) if isinstance(value, str) else None
        if address is None:
            return None
        width, number = address
        found = 0
        for (family, dropped), networks in tables:
            if width == family:
                found |= bits(networks.get(number >> dropped, ()))
        return found

    return lookup


OPERATORS = (
    Operator("IpAddress", _inside, _gather),
    Operator("NotIpAddress", _inside, _gather, negated=True),
)
