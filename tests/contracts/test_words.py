"""What the repository says holds for a stranger: no inside words, no exception without a reason."""

import re
from pathlib import Path

import pytest

from tests.contracts.source_tree import ROOT, python_files, tracked_texts

# A letter in brackets matches itself, so that this file does not contain what it forbids.
FORBIDDEN = {
    "a place that only its authors have": r"(?<!\w)/(wor[k]|roo[t]|hom[e])/|\bshared/[d]esign",
    "a package registry's host": r"py[p]i\.org|pythonhoste[d]|np[m]js|crate[s]\.io",
    "unfinished work": r"\bTO[D]O\b|\bFIX[M]E\b|\bXX[X]\b",
    "the number of an issue": r"(?i)\bissu[e] #?\d",
}
EXCEPTION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma: no cover)(?P<rest>.*)")
REASON = re.compile(r"(?:[:,\s]*[A-Z]+\d+|\[[\w\-, ]+\])*[\s#:,;-]*(?P<reason>.*)")


@pytest.mark.parametrize("meaning", FORBIDDEN)
def test_no_file_contains(meaning: str) -> None:
    pattern = re.compile(FORBIDDEN[meaning])
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found


def has_reason(comment: str) -> bool:
    """Whether words follow the codes of an exception to a rule."""
    match = REASON.fullmatch(comment)
    return match is not None and re.search(r"[A-Za-z]{3}", match["reason"]) is not None


def test_every_exception_to_a_rule_carries_its_reason() -> None:
    files = python_files("iam", "sdk", "tests", "examples", "benchmarks", "migrations")
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in [Path("dev"), *files]
        if path.name != Path(__file__).name
        for number, line in enumerate((ROOT / path).read_text().splitlines(), start=1)
        for exception in EXCEPTION.finditer(line)
        if not has_reason(exception["rest"])
    ]
    assert not found


def test_every_rule_that_is_switched_off_carries_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ruff = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.flake8-tidy-imports")]
    rules = re.findall(r'^\s+"[A-Z]+\d*",(?P<after>.*)$', ruff, flags=re.MULTILINE)
    assert rules
    assert all(re.fullmatch(r"\s+# \S+.*", after) for after in rules)


@pytest.mark.parametrize(
    ("comment", "is_reasoned"),
    [
        (": S105 -- the name of a kind", True),
        (": TID251  # this is where time enters", True),
        (": FBT001, S105 - as above", True),
        ("[arg-type]  # the library's stub is wrong", True),
        (": S105", False),
        ("[arg-type]", False),
        ("", False),
    ],
)
def test_a_code_alone_is_no_reason(comment: str, is_reasoned: bool) -> None:
    assert has_reason(comment) is is_reasoned
