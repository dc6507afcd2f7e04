"""Many conditions of one operator at once: whose values does the request's value equal?

Five thousand statements that each ask for another tag, address or date are one look-up, not five
thousand comparisons. A statement is known by its place, a number. An integer with a bit for each
place is a set of them: on five thousand, ``&`` and ``|`` cost tens of nanoseconds.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from iam_policy.variables import Scalar

Lookup = Callable[[Scalar], int | None]
"""Returns the set of places of which the value equals (or is less than, or is in the range of) one
of the values; None if it is not of the operator's type."""
Gather = Callable[[Mapping[str, Sequence[int]]], Lookup]
"""Takes each value that policies list, with the places that list it; none holds a variable."""

Places = int | Sequence[int]
"""A set of places: as bits, or the numbers themselves where they are few, and bits mostly zeros."""

_FEW = 8
_BLOCK = 64


def packed(places: Sequence[int]) -> Places:
    """Choose the smaller form of a set of places."""
    return tuple(places) if len(places) <= _FEW else bits(places)


def bits(places: Places) -> int:
    """Return a set of places as bits."""
    if isinstance(places, int):
        return places
    found = 0
    for place in places:
        found |= 1 << place
    return found


def by_equality(read: Callable[[Scalar], Hashable | None]) -> Gather:
    """Find equal values in a dictionary; ``read`` returns None for what is not of the type."""

    def gather(lines: Mapping[str, Sequence[int]]) -> Lookup:
        listed: dict[Hashable, list[int]] = {}
        for text, places in lines.items():
            listed.setdefault(read(text), []).extend(places)
        table = {value: packed(places) for value, places in listed.items()}

        def lookup(value: Scalar) -> int | None:
            found = read(value)
            return None if found is None else bits(table.get(found, ()))

        return lookup

    return gather


def by_order(
    read: Callable[[Scalar], Any], count: Callable[[Sequence[Any], Any], int], *, above: bool
) -> Gather:
    """Find the values above or below by bisection, in order.

    Args:
        read: Returns what is compared, or None for what is not of the type.
        count: ``bisect_left`` or ``bisect_right``.
        above: The policy's values are above the request's, not below.
    """

    def gather(lines: Mapping[str, Sequence[int]]) -> Lookup:
        pairs = sorted((read(text), place) for text, places in lines.items() for place in places)
        bounds = [bound for bound, _ in pairs]
        places = [place for _, place in (reversed(pairs) if above else pairs)]
        sums = [0]  # before each block of places: all that stand before it
        for start in range(0, len(places), _BLOCK):
            sums.append(sums[-1] | bits(places[start : start + _BLOCK]))

        def lookup(value: Scalar) -> int | None:
            found = read(value)
            if found is None:
                return None
            number = count(bounds, found)
            number = len(bounds) - number if above else number
            block = number // _BLOCK
            return sums[block] | bits(places[block * _BLOCK : number])

        return lookup

    return gather
