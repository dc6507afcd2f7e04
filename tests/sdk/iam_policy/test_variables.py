import pytest

from iam_policy.globs import Wild
from iam_policy.variables import (
    ContextError,
    Pattern,
    Variable,
    VariableError,
    scalar_text,
    single_value,
    tokenize,
)


def test_text_is_split_into_text_wildcards_and_variables() -> None:
    tokens = tokenize("a/${aws:UserName}/*${*}b?$x{", variables=True)
    assert tokens == ["a/", Variable("aws:username", None), "/", Wild.STAR, "*b", Wild.ONE, "$x{"]


def test_without_variables_a_dollar_is_a_dollar() -> None:
    assert tokenize("${a}*", variables=False) == ["${a}", Wild.STAR]
    assert tokenize("*?", variables=False, wildcards=False) == ["*?"]


def test_a_default_follows_comma_space_and_quotes() -> None:
    assert tokenize("${aws:x, 'a, b'}", variables=True) == [Variable("aws:x", "a, b")]
    assert tokenize("${aws:x, ''}", variables=True) == [Variable("aws:x", "")]
    assert tokenize("${aws:PrincipalTag/my team}", variables=True) == [
        Variable("aws:principaltag/my team", None)
    ]


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${a", "${a,'x'}", "${a, x}", "${a, 'x}", "${${a}}", "${ a}", "${a }", "${a*}"],
)
def test_a_malformed_variable_is_refused(text: str) -> None:
    with pytest.raises(VariableError):
        tokenize(text, variables=True)


def test_the_search_for_a_variables_end_is_bounded() -> None:
    with pytest.raises(VariableError):
        tokenize("${" + "a" * 600 + "}", variables=True)


def test_a_variable_takes_value_default_or_nothing() -> None:
    with_default, without = Variable("k", "d"), Variable("k", None)
    assert without.resolve({}) is None
    assert with_default.resolve({}) == "d"
    assert without.resolve({"k": ""}) == ""
    assert with_default.resolve({"k": ""}) == "d"
    assert with_default.resolve({"k": "v"}) == "v"
    assert with_default.resolve({"k": ["v"]}) is None
    assert without.resolve({"k": True}) == "true"


def test_scalars_are_written_as_policies_write_them() -> None:
    assert [scalar_text(one) for one in (True, False, 10, 1.5, "x")] == [
        "true",
        "false",
        "10",
        "1.5",
        "x",
    ]
    with pytest.raises(ContextError):
        scalar_text(b"x")


def test_a_context_value_of_another_type_is_an_error() -> None:
    with pytest.raises(ContextError):
        single_value({"a": "b"})  # type: ignore[arg-type]  # as JSON could bring it


def test_a_pattern_knows_its_literal_beginning() -> None:
    exact = Pattern("abc", variables=True)
    assert (exact.prefix, exact.exact) == ("abc", True)
    prefixed = Pattern("abc*", variables=True)
    assert (prefixed.prefix, prefixed.exact, prefixed.test) == ("abc", False, None)
    variable = Pattern("${k}c", variables=True)
    assert (variable.prefix, variable.exact) == ("", False)
    assert variable.matches("xc", {"k": "x"})
    assert Pattern("", variables=True).matches("", {})
    assert not Pattern("", variables=True).matches("a", {})
