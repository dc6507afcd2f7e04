"""Many patterns at once: found by their literal beginning, then sifted by a piece of their text."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from iam_policy.conditions.lookups import Gather, Lookup, Places, bits, packed
from iam_policy.globs import Wild
from iam_policy.variables import Scalar, tokenize_glob

Matches = Callable[[str], bool]
_Rest = tuple[str, Matches | None, Places]
"""A text that must occur, the whole check (None: the beginning is all there is), the places."""


def by_pattern(read: Callable[[Scalar], str | None], matching: Callable[[str], Matches]) -> Gather:
    """Match patterns with wildcards.

    Args:
        read: Returns the text to match, or None for what is not of the type.
        matching: Compiles one pattern.
    """

    def gather(lines: Mapping[str, Sequence[int]]) -> Lookup:
        whole: dict[str, Places] = {}
        by_length: dict[int, dict[str, list[_Rest]]] = {}
        cut = {text: _cut(text) for text in lines}
        common = Counter(piece for _, others in cut.values() for piece in others)
        for text, (head, others) in cut.items():
            places = packed(lines[text])
            if not others:
                whole[text] = places
                continue
            matches = None if others == [Wild.STAR] else matching(text)
            rest = (_rarest(others, common), matches, places)
            by_length.setdefault(len(head), {}).setdefault(head, []).append(rest)

        def lookup(value: Scalar) -> int | None:
            text = read(value)
            if text is None:
                return None
            found = bits(whole.get(text, ()))
            for length, table in by_length.items():
                for needle, matches, places in table.get(text[:length], ()):
                    if needle in text and (matches is None or matches(text)):
                        found |= bits(places)
            return found

        return lookup

    return gather


def _cut(text: str) -> tuple[str, list[str | Wild]]:
    """Return the literal beginning, which may be empty, and what follows it."""
    tokens = tokenize_glob(text)
    if tokens and isinstance(tokens[0], str):
        return tokens[0], tokens[1:]
    return "", tokens


def _rarest(tokens: Sequence[str | Wild], common: Mapping[str | Wild, int]) -> str:
    """Return the piece of text that tells a pattern from most others, or no text."""
    texts = [token for token in tokens if isinstance(token, str)]
    return min(texts, key=lambda text: (common[text], -len(text)), default="")
