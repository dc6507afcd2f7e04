"""Statements are found in the text of a document, however it is written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_policy.positions import Position, Span, statement_spans

ALLOW = {"Effect": "Allow", "Resource": ["x", "{"], "Condition": {"Null": {"k": "true"}}}


def cut(text: str, span: Span) -> str:
    """The part of a text that a span names."""
    lines = text.split("\n")

    def offset(position: Position) -> int:
        return sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1

    return text[offset(span.start) : offset(span.end) + 1]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("statement", [ALLOW, [ALLOW], [ALLOW, {**ALLOW, "Sid": "Statement"}]])
def test_every_statement_is_found_whole(statement: Any, indent: int | None) -> None:
    document = {"Id": "Statement", "Statement": statement, "Version": "2012-10-17"}
    text = json.dumps(document, indent=indent)
    found = [json.loads(cut(text, span)) for span in statement_spans(text)]
    assert found == (statement if isinstance(statement, list) else [statement])


def test_lines_and_columns_count_from_one() -> None:
    (span,) = statement_spans('{"Statement":\n {"Effect":\n"Allow"}}')
    assert span == Span(Position(2, 2), Position(3, 8))


def test_a_name_is_what_it_means_and_not_how_it_is_written() -> None:
    text = '{"St\\u0061tement":[{"Sid":"]}\\""},{}]}'
    assert [cut(text, span) for span in statement_spans(text)] == ['{"Sid":"]}\\""}', "{}"]


def test_a_text_that_is_no_document_has_no_statements() -> None:
    with pytest.raises(ValueError, match="a document with statements"):
        list(statement_spans('{"Version": "2012-10-17"}'))
    assert not list(statement_spans('{"Statement": [{"Sid": "'))  # cut short


_WORDS = st.text(alphabet='Sid{}[]":\\, \n', max_size=8)
_BODIES = st.dictionaries(
    _WORDS, st.one_of(_WORDS, st.lists(_WORDS), st.dictionaries(_WORDS, _WORDS)), max_size=3
)


@given(st.lists(_BODIES), st.sampled_from([None, 1]), st.booleans())
def test_no_text_inside_a_statement_misleads(
    statements: list[Any],
    indent: int | None,
    is_last: bool,
) -> None:
    others = {"Version": "]}", "Id": {"Statement": [{}]}}
    ours = {"Statement": statements}
    text = json.dumps({**others, **ours} if is_last else {**ours, **others}, indent=indent)
    assert [json.loads(cut(text, span)) for span in statement_spans(text)] == statements
