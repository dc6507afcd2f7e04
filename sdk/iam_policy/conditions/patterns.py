"""Many patterns at once: found by their literal beginning, then sifted by a piece of their text."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from iam_policy.conditions.lookups import Gather, Lookup, Places, bits, packed
from iam_policy.globs import Wild
from iam_policy.variables import Scalar, tokenize_glob

Matches = Callable[[str], bool]


class _Rest:
    """What is left of a pattern once its beginning was found."""

    __slots__ = ("_matches", "_matching", "_text", "places")

    def __init__(self, text: str, places: Places, matching: Callable[[str], Matches]) -> None:
        self._text = text
        self._matching = matching
        self._matches: Matches | None = None
        self.places = places

    def matches(self, text: str) -> bool:
        """Match a whole text; compiles the pattern on its first use, which most never see."""
        if self._matches is None:
            self._matches = self._matching(self._text)
        return self._matches(text)


class _Bucket:
    """Patterns with the same beginning, by a text that occurs in all that they match."""

    __slots__ = ("_by_needle", "_lengths")

    def __init__(self) -> None:
        self._by_needle: dict[str, list[_Rest]] = {}
        self._lengths: set[int] = set()

    def add(self, needle: str, rest: _Rest) -> None:
        """Take a pattern."""
        self._by_needle.setdefault(needle, []).append(rest)
        self._lengths.add(len(needle))

    def matching(self, text: str) -> int:
        """Return the places of the patterns that match a text with their beginning."""
        found = 0
        for needle in self._occurring(text):
            for rest in self._by_needle[needle]:
                if rest.matches(text):
                    found |= bits(rest.places)
        return found

    def _occurring(self, text: str) -> Iterable[str]:
        """Return the needles that occur: each is looked for, or each part of a short text is."""
        needles = self._by_needle
        if len(text) * len(self._lengths) > len(needles):
            return [needle for needle in needles if needle in text]
        parts = (
            text[start : start + length]
            for length in self._lengths
            for start in range(len(text) - length + 1)
        )
        return needles.keys() & parts


def by_pattern(read: Callable[[Scalar], str | None], matching: Callable[[str], Matches]) -> Gather:
    """Match patterns with wildcards.

    Args:
        read: Returns the text to match, or None for what is not of the type.
        matching: Compiles one pattern.
    """

    def gather(lines: Mapping[str, Sequence[int]]) -> Lookup:
        whole: dict[str, Places] = {}
        by_length: dict[int, dict[str, _Bucket]] = {}
        cut = {text: _cut(text) for text in lines}
        pieces = (piece for _, others in cut.values() for piece in others)
        common = Counter(piece for piece in pieces if isinstance(piece, str))
        for text, (head, others) in cut.items():
            places = packed(lines[text])
            if not others:
                whole[text] = places
                continue
            bucket = by_length.setdefault(len(head), {}).setdefault(head, _Bucket())
            bucket.add(_rarest(others, common), _Rest(text, places, matching))

        def lookup(value: Scalar) -> int | None:
            text = read(value)
            if text is None:
                return None
            found = bits(whole.get(text, ()))
            for length, table in by_length.items():
                bucket = table.get(text[:length])
                if bucket is not None:
                    found |= bucket.matching(text)
            return found

        return lookup

    return gather


def _cut(text: str) -> tuple[str, list[str | Wild]]:
    """Return the literal beginning, which may be empty, and what follows it."""
    tokens = tokenize_glob(text)
    if tokens and isinstance(tokens[0], str):
        return tokens[0], tokens[1:]
    return "", tokens


def _rarest(tokens: Sequence[str | Wild], common: Mapping[str, int]) -> str:
    """Return the piece of text that tells a pattern from most others, or no text."""
    texts = [token for token in tokens if isinstance(token, str)]
    return min(texts, key=lambda text: (common[text], -len(text)), default="")
