"""The page about policy cases against the reader of cases."""

import json
import re
from pathlib import Path

from iam_policy import Effect, Layer
from iam_policy.cases import _MEMBERS, answers

PAGE = (Path(__file__).parents[3] / "docs" / "policy-test.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    (found,) = re.findall(rf"```json {kind}\n(.*?)```", PAGE, re.DOTALL)
    return " ".join(str(found).split("\n"))


def test_the_example_is_answered_as_shown() -> None:
    assert list(answers([block("case")])) == [json.loads(block("answer"))]


def test_every_member_is_on_the_page() -> None:
    cells = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert set(_MEMBERS) <= documented


def test_every_word_of_the_answer_is_on_the_page() -> None:
    assert all(f"`{word}`" in PAGE for word in (*Effect, *Layer))
