"""Policy variables: ``${aws:username}``, ``${key, 'default'}``, ``${*}``, ``${?}`` and ``${$}``.

What a variable stands for is inserted as plain text: a ``*`` in somebody's name is a star, not a
wildcard, and a ``${...}`` in a tag value stays what it is. Source: IAM User Guide,
``reference_policies_variables``.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from iam_policy.globs import (
    Piece,
    Wild,
    cut_at_stars,
    glob_matcher,
    match_pieces,
    piece_of,
)

Scalar = str | bool | int | float | bytes
ContextValue = Scalar | Sequence[Scalar]
Env = Mapping[str, ContextValue]  # a request's context with folded keys

_KEY = r"[^\s{}$*?',\"](?:[^{}$*?',\"]*[^\s{}$*?',\"])?"
_VARIABLE = re.compile(
    rf"\$\{{(?:(?P<literal>[*?$])|(?P<key>{_KEY})(?:, '(?P<default>[^'{{}}]*)')?)\}}"
)
_SPECIAL = re.compile(r"\$\{|[*?]")
_MAX_VARIABLE = 512
_WILD = {wild.value: wild for wild in Wild}  # a look-up is half of a call of the enumeration
# Tuples: a union would be put together anew at each use.
_SCALARS = (str, bool, int, float, bytes)
_LISTS = (list, tuple, set, frozenset)


class VariableError(ValueError):
    """A ``${`` that does not begin a well-formed variable."""


class ContextError(TypeError):
    """A context value of a type that no operator reads; the decision must fail closed."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A context key, folded, and the text to use when the request does not have it."""

    key: str
    default: str | None

    def resolve(self, env: Env) -> str | None:
        """Return the text to insert, or None if there is none or the key has many values."""
        value = env.get(self.key)
        if value is None:
            return self.default
        if isinstance(value, str):
            text = value
        else:
            scalar = single_value(value)
            if scalar is None:
                return None
            text = scalar_text(scalar)
        # A key that is present but empty takes the default too; AWS leaves this open.
        return self.default if not text and self.default is not None else text


Token = str | Wild | Variable


def single_value(value: ContextValue) -> Scalar | None:
    """Return the value of a single-valued key, or None if the key is multivalued.

    A list makes a key multivalued whatever its length, so that a decision does not turn on how
    many tags somebody has. Raises `ContextError` for any other type.
    """
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, _LISTS):
        return None
    raise ContextError(f"a context value of type {type(value).__name__}")


def scalar_text(value: object) -> str:
    """Write one context value as policies write it: JSON booleans and numbers as their text."""
    if isinstance(value, str):
        return str.__str__(value)  # plain, because a subclass may have another hash
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    raise ContextError(f"a context value of type {type(value).__name__}")


def number_text(value: float) -> str:
    """Write a JSON number as people write it: Python would write 0.00001 as ``1e-05``."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def tokenize(text: str, *, variables: bool, wildcards: bool = True) -> list[Token]:
    """Split a pattern into literal text, wildcards and variables.

    Raises:
        VariableError: with ``variables``, a ``${`` that is not a well-formed variable.
    """
    if not _SPECIAL.search(text):
        return [text] if text else []
    tokens: list[Token] = []
    position = 0
    while found := _SPECIAL.search(text, position):
        start = found.start()
        if start > position:
            tokens.append(text[position:start])
        token, position = _special(text, start, variables=variables, wildcards=wildcards)
        tokens.append(token)
    if position < len(text):
        tokens.append(text[position:])
    return _joined(tokens)


def resolved_variables(texts: Iterable[str], env: Env) -> dict[str, str | None]:
    """Tell what each variable in these texts stands for; None where it stands for nothing."""
    found: dict[str, str | None] = {}
    for text in texts:
        for token in tokenize(text, variables=True) if "${" in text else ():
            if isinstance(token, Variable):
                found[token.key] = token.resolve(env)
    return found


def tokenize_glob(text: str) -> list[str | Wild]:
    """Split a pattern that cannot have variables."""
    return [one for one in tokenize(text, variables=False) if not isinstance(one, Variable)]


def _special(text: str, start: int, *, variables: bool, wildcards: bool) -> tuple[Token, int]:
    if text[start] != "$":
        return (_WILD[text[start]] if wildcards else text[start]), start + 1
    if not variables:
        return "$", start + 1
    found = _VARIABLE.match(text, start, start + _MAX_VARIABLE)
    if found is None:
        raise VariableError("a variable written ${key} or ${key, 'default'}")
    if literal := found["literal"]:
        return literal, found.end()
    return Variable(found["key"].lower(), found["default"]), found.end()


def _joined(tokens: list[Token]) -> list[Token]:
    joined: list[Token] = []
    for token in tokens:
        if isinstance(token, str) and joined and isinstance(joined[-1], str):
            joined[-1] += token
        else:
            joined.append(token)
    return joined


class Pattern:
    """A compiled resource pattern, with the literal beginning by which it is indexed.

    Attributes:
        prefix: Literal text before the first wildcard or variable.
        exact: The prefix is the whole pattern.
        test: The full check, or None if the prefix is all there is to check.
        text: The pattern as written, with short ARNs completed.
    """

    __slots__ = ("exact", "prefix", "test", "text")

    def __init__(self, text: str, *, variables: bool) -> None:
        self.text = text
        self.test: Callable[[str, Env], bool] | None = None
        special = _SPECIAL.search(text)
        self.exact = special is None
        self.prefix = text if special is None else text[: special.start()]
        if self.exact or self.prefix + "*" == text:
            return
        tokens = tokenize(text, variables=variables)
        self.exact = not any(isinstance(token, Wild | Variable) for token in tokens)
        head = tokens[0]
        self.prefix = head if isinstance(head, str) else ""
        if not self.exact and tokens[1:] != [Wild.STAR]:
            self.test = matcher(tokens)

    def matches(self, text: str, env: Env) -> bool:
        """Match the whole text, with variables taken from ``env``."""
        if self.exact:
            return text == self.prefix
        # The prefix is part of what the test checks, and tells most texts apart at once.
        return text.startswith(self.prefix) and (self.test is None or self.test(text, env))


@lru_cache(maxsize=512)  # the same few patterns in many documents, and then kept once
def compiled_pattern(text: str, *, variables: bool) -> Pattern:
    """Compile a resource pattern; raises `VariableError` as `tokenize` does."""
    return Pattern(text, variables=variables)


def matcher(tokens: Sequence[Token]) -> Callable[[str, Env], bool]:
    """Compile tokens into a predicate on (whole text, context)."""
    plain = [token for token in tokens if not isinstance(token, Variable)]
    if len(plain) == len(tokens):
        prefix = plain[0] if plain[1:] == [Wild.STAR] else None
        if isinstance(prefix, str):  # the commonest of all, without a second call
            return lambda text, _: text.startswith(prefix)
        matches = glob_matcher(plain)
        return lambda text, _: matches(text)
    runs = cut_at_stars(tokens)
    if runs[1:] == [[]] and Wild.ONE not in tokens:  # text, variables, and one star at the end
        head = runs[0]

        def begins(text: str, env: Env) -> bool:
            found = resolved_text(head, env)
            return found is not None and text.startswith(found)

        return begins
    parts = [_part(run) for run in runs]

    def matches_resolved(text: str, env: Env) -> bool:
        pieces: list[Piece] = []
        for part in parts:
            piece = _resolved(part, env) if isinstance(part, list) else part
            if piece is None:
                return False
            pieces.append(piece)
        return match_pieces(pieces, text)

    return matches_resolved


def resolved_text(tokens: Sequence[Token], env: Env) -> str | None:
    """Insert the variables' values into text without wildcards; None if one of them has none."""
    texts: list[str] = []
    for token in tokens:
        text = token.resolve(env) if isinstance(token, Variable) else token
        if not isinstance(text, str):
            return None
        texts.append(text)
    return "".join(texts)


_Part = Piece | list[Token]
"""A piece that is known, or one with variables in it."""


def _part(run: list[Token]) -> _Part:
    plain = [token for token in run if not isinstance(token, Variable)]
    return piece_of(plain) if len(plain) == len(run) else run


def _resolved(run: list[Token], env: Env) -> Piece | None:
    resolved: list[str | Wild] = []
    for token in run:
        text = token.resolve(env) if isinstance(token, Variable) else token
        if text is None:
            return None
        resolved.append(text)
    return piece_of(resolved)
