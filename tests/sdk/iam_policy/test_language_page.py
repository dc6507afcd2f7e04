"""The page about the policy language against the engine, and against the corpus that proves it."""

import re
from pathlib import Path

import pytest

from iam_policy import DocumentKind, Limits, compile_policy
from iam_policy.conditions import operator_names
from tests.corpus.records import every_record, records, themes

PAGE = (Path(__file__).parents[3] / "docs" / "policy-language.md").read_text(encoding="utf-8")
OUTLINE = re.findall(r"^(#+) (.+)\n((?:(?!#+ ).*\n?)*)", PAGE, flags=re.MULTILINE)
SECTIONS = {title: text for _, title, text in OUTLINE}
# These only hold other sections, or the table whose rows name their own cases.
WITHOUT_FILES = {
    "The policy language",
    "Conditions",
    "The order of evaluation",
    "What we decided where AWS is silent",
}
DECISIONS = re.findall(r"^\| .+ \| `(\w+::.+)` \|$", PAGE, flags=re.MULTILINE)


def test_every_example_is_a_valid_policy() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert examples
    for text in examples:
        assert compile_policy(text, DocumentKind.IDENTITY).statements


def test_every_operator_is_on_the_page() -> None:
    families = {"LessThan": "...LessThan[Equals]", "GreaterThan": "...GreaterThan[Equals]"}
    for name in operator_names():
        short = next((form for word, form in families.items() if word in name), name)
        assert short in PAGE


def test_sizes_are_those_of_the_engine() -> None:
    for kind, size in Limits().characters.items():
        row = next(line for line in PAGE.splitlines() if line.lower().startswith(f"| {kind} "))
        assert row.endswith(f"| {size:,} |")


def test_headings_are_unique() -> None:
    assert len(SECTIONS) == len(OUTLINE)


@pytest.mark.parametrize("title", sorted(SECTIONS.keys() - WITHOUT_FILES))
def test_a_section_names_the_files_that_prove_it(title: str) -> None:
    proving = {
        theme for theme in themes() if any(record.get("spec") == title for record in records(theme))
    }
    named = SECTIONS[title].partition("Proved by ")[2]
    assert set(re.findall(r"`(\w+)\.jsonl`", named)) == proving
    assert proving


def test_every_case_proves_a_section() -> None:
    proved = {record["spec"] for record in every_record() if not is_from_aws(record["id"])}
    assert proved == SECTIONS.keys() - WITHOUT_FILES


def test_every_decision_of_ours_has_a_case() -> None:
    rows = SECTIONS["What we decided where AWS is silent"].count("\n| ") - 1
    assert len(DECISIONS) == rows > 30
    assert set(DECISIONS) <= {record["id"] for record in every_record()}


def is_from_aws(case: str) -> bool:
    return case.startswith("aws-docs::")
