"""The page about the policy language against the engine."""

import re
from pathlib import Path

from iam_policy import DocumentKind, Limits, compile_policy
from iam_policy.conditions import operator_names

PAGE = (Path(__file__).parents[3] / "docs" / "policy-language.md").read_text(encoding="utf-8")


def test_every_example_is_a_valid_policy() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert examples
    for text in examples:
        assert compile_policy(text, DocumentKind.IDENTITY).statements


def test_every_operator_is_on_the_page() -> None:
    families = {"LessThan": "...LessThan[Equals]", "GreaterThan": "...GreaterThan[Equals]"}
    for name in operator_names():
        short = next((form for word, form in families.items() if word in name), name)
        assert short.removesuffix("IgnoreCase") in PAGE


def test_sizes_are_those_of_the_engine() -> None:
    for kind, size in Limits().characters.items():
        row = next(line for line in PAGE.splitlines() if line.lower().startswith(f"| {kind} "))
        assert row.endswith(f"| {size:,} |")
