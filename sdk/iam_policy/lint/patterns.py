"""Patterns compared with patterns: does one cover another, can both match the same text?

Both questions are answered in one walk over the second pattern, with a bit for every place that
the first one could have reached: linear in the one, a machine word or a few in the other.
"""

from functools import lru_cache

from iam_policy.globs import Wild
from iam_policy.variables import Variable, tokenize

_Symbol = str | Wild | Variable


class Glob:
    """A pattern as single characters, wildcards and variables, and where each of them stands."""

    __slots__ = ("marks", "prefix", "size", "stars", "symbols")

    def __init__(self, symbols: list[_Symbol]) -> None:
        self.symbols = symbols
        self.size = len(symbols)
        self.marks: dict[_Symbol, int] = {}
        for place, symbol in enumerate(symbols):
            self.marks[symbol] = self.marks.get(symbol, 0) | 1 << place
        self.stars = self.marks.get(Wild.STAR, 0)
        literals: list[str] = []
        for symbol in symbols:
            if not isinstance(symbol, str):
                break
            literals.append(symbol)
        self.prefix = "".join(literals)

    def closed(self, states: int) -> int:
        """Add the places behind stars, which may match nothing; no two stars stand together."""
        return states | (states & self.stars) << 1

    def after(self, states: int, symbols: int) -> int:
        """Return the places reached when these symbols take one character; stars keep theirs."""
        return self.closed((states & symbols) << 1 | states & self.stars)


def covers(wide: str, narrow: str, *, variables: bool = False) -> bool:
    """Tell whether everything that ``narrow`` matches is matched by ``wide`` as well.

    A variable is covered by a star or by itself.
    """
    if wide == narrow:
        return True
    one, other = _glob(wide, variables), _glob(narrow, variables)
    if not other.prefix.startswith(one.prefix):
        return False
    any_one = one.marks.get(Wild.ONE, 0)
    states = one.closed(1)
    for symbol in other.symbols:
        if symbol is Wild.STAR:
            taking = 0
        elif isinstance(symbol, str):
            taking = one.marks.get(symbol, 0) | any_one
        else:
            taking = one.marks.get(symbol, 0)
        states = one.after(states, taking)
    return bool(states >> one.size)


def overlaps(one: str, other: str, *, variables: bool = False) -> bool:
    """Tell whether some text is matched by both; a variable may stand for any text."""
    first, second = _loose_glob(one, variables), _loose_glob(other, variables)
    shared = min(len(first.prefix), len(second.prefix))
    if first.prefix[:shared] != second.prefix[:shared]:
        return False
    any_one = first.marks.get(Wild.ONE, 0)
    every = (1 << first.size) - 1
    states = first.closed(1)
    for symbol in second.symbols:
        if not states:
            return False
        if symbol is Wild.STAR:
            # The star can be whatever leads on from the earliest place.
            states = (every | 1 << first.size) & ~((states & -states) - 1)
        elif symbol is Wild.ONE:
            states = first.after(states, every & ~first.stars)
        else:
            states = first.after(states, first.marks.get(symbol, 0) | any_one)
    return bool(states >> first.size)


@lru_cache(maxsize=1_024)
def _glob(text: str, variables: bool) -> Glob:  # noqa: FBT001 -- part of the cache's key
    return Glob(_symbols(text, variables))


@lru_cache(maxsize=1_024)
def _loose_glob(text: str, variables: bool) -> Glob:  # noqa: FBT001 -- part of the cache's key
    return Glob(
        _ordered(
            [Wild.STAR if isinstance(one, Variable) else one for one in _symbols(text, variables)]
        )
    )


def _symbols(text: str, variables: bool) -> list[_Symbol]:  # noqa: FBT001 -- as above
    symbols: list[_Symbol] = []
    for token in tokenize(text, variables=variables):
        symbols.extend(token if isinstance(token, str) else [token])
    return _ordered(symbols)


def _ordered(symbols: list[_Symbol]) -> list[_Symbol]:
    """Write each run of wildcards in one way: first the single ones, then at most one star."""
    ordered: list[_Symbol] = []
    has_star = False
    for symbol in symbols:
        if symbol is Wild.STAR:
            has_star = True
            continue
        if has_star and symbol is not Wild.ONE:
            ordered.append(Wild.STAR)
            has_star = False
        ordered.append(symbol)
    return [*ordered, Wild.STAR] if has_star else ordered
