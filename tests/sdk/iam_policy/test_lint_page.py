"""The page about lint against lint: each rule is there, and its examples show what it says."""

import json
import re
from pathlib import Path

import pytest

from iam_policy import DocumentKind
from iam_policy.catalogue import parse_catalogue
from iam_policy.lint import RULES, Rule, lint

PAGE = (Path(__file__).parents[3] / "docs" / "policy-lint.md").read_text(encoding="utf-8")
(CATALOGUE,) = (
    parse_catalogue(text) for text in re.findall(r"```json catalogue\n(.*?)```", PAGE, re.DOTALL)
)
ROW = re.compile(r"^\| `([a-z-]+)` \| (\w+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
EXAMPLES = re.compile(
    r"^`([a-z-]+)`(?: in a policy of kind (\w+))?, bad:\n\n"
    r"```json\n(.*?)```\n\ngood:\n\n```json\n(.*?)```",
    re.MULTILINE | re.DOTALL,
)
SHOWN = {code: (kind or "identity", bad, good) for code, kind, bad, good in EXAMPLES.findall(PAGE)}


def codes(example: str, kind: str) -> list[str]:
    value = json.loads(example)
    text = example if "Statement" in value else wrapped(example)
    return [one.code for one in lint(text, DocumentKind(kind), catalogues=[CATALOGUE])]


def wrapped(statement: str) -> str:
    return f'{{"Version": "2012-10-17", "Statement": {statement}}}'


def test_every_rule_is_in_the_table_with_its_severity_and_advice() -> None:
    rows = {code: (severity, advice) for code, severity, _, advice in ROW.findall(PAGE)}
    assert rows == {rule.code: (rule.severity, rule.advice) for rule in RULES}


def test_codes_are_unique_and_have_examples() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES) == len(SHOWN)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_bad_example_yields_this_code_and_no_other(rule: Rule) -> None:
    kind, bad, _ = SHOWN[rule.code]
    assert codes(bad, kind) == [rule.code]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_good_example_does_not_yield_the_code(rule: Rule) -> None:
    kind, _, good = SHOWN[rule.code]
    assert rule.code not in codes(good, kind)
