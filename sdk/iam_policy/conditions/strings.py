"""String operators: exact, without case, and with wildcards over the whole string."""

from collections.abc import Callable, Sequence

from iam_policy.conditions.lookups import by_equality
from iam_policy.conditions.patterns import by_pattern
from iam_policy.conditions.registry import Literals, Operator, Test, ValueListError
from iam_policy.globs import glob_matcher
from iam_policy.variables import (
    Env,
    Scalar,
    Token,
    VariableError,
    matcher,
    resolved_text,
    scalar_text,
    tokenize,
    tokenize_glob,
)


def template(values: Sequence[str], index: int, *, variables: bool, wildcards: bool) -> list[Token]:
    """Tokenize one policy value, telling which one is malformed."""
    try:
        return tokenize(values[index], variables=variables, wildcards=wildcards)
    except VariableError as error:
        raise ValueListError(index, str(error)) from None


def _exact(fold: Callable[[str], str]) -> Callable[[Sequence[str], bool], Test]:
    def build(values: Sequence[str], variables: bool) -> Test:  # noqa: FBT001 -- the shape of Build
        literals: set[str] = set()
        templates: list[list[Token]] = []
        for index in range(len(values)):
            tokens = template(values, index, variables=variables, wildcards=False)
            texts = [token for token in tokens if isinstance(token, str)]
            if len(texts) == len(tokens):
                literals.add(fold("".join(texts)))
            else:
                templates.append(tokens)

        if not templates and fold is _same:
            return Literals(literals)
        listed = frozenset(literals)  # there is one empty one, for all that hold variables only

        def test(value: Scalar, env: Env) -> bool:
            text = fold(scalar_text(value))
            if text in listed:
                return True
            for tokens in templates:  # noqa: SIM110 -- half the cost of any()
                if _is_written(tokens, text, env, fold):
                    return True
            return False

        return test

    return build


def _is_written(tokens: list[Token], text: str, env: Env, fold: Callable[[str], str]) -> bool:
    """Tell whether the tokens, with their variables resolved, are this text."""
    found = resolved_text(tokens, env)
    return found is not None and fold(found) == text


def _like(values: Sequence[str], variables: bool) -> Test:  # noqa: FBT001 -- the shape of Build
    matchers = [
        matcher(template(values, index, variables=variables, wildcards=True))
        for index in range(len(values))
    ]

    def test(value: Scalar, env: Env) -> bool:
        text = scalar_text(value)
        for matches in matchers:  # noqa: SIM110 -- half the cost of any()
            if matches(text, env):
                return True
        return False

    return test


def _same(text: str) -> str:
    return text


def _folded(value: Scalar) -> str:
    return scalar_text(value).lower()


_equal, _equal_folded = by_equality(scalar_text), by_equality(_folded)
_alike = by_pattern(scalar_text, lambda text: glob_matcher(tokenize_glob(text)))

OPERATORS = (
    Operator("StringEquals", _exact(_same), _equal),
    Operator("StringNotEquals", _exact(_same), _equal, negated=True),
    Operator("StringEqualsIgnoreCase", _exact(str.lower), _equal_folded, folds=True),
    Operator(
        "StringNotEqualsIgnoreCase", _exact(str.lower), _equal_folded, negated=True, folds=True
    ),
    Operator("StringLike", _like, _alike),
    Operator("StringNotLike", _like, _alike, negated=True),
)
