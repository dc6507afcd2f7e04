"""One corpus, several judges: each must decide every case as the specification says."""

from typing import Final

import pytest

from tests.corpus.judges import Judge, disagreements, engine, plain_evaluator
from tests.corpus.records import CORPUS, ERROR, Record, every_record, records, themes

pytestmark = pytest.mark.anyio

JUDGES: Final[dict[str, Judge]] = {
    "engine": engine,
    "plain evaluator": plain_evaluator,
}
DECISIONS: Final = {"allowed", "explicitDeny", "implicitDeny", ERROR}
LAYERS: Final = {"scp", "rcp", "resource", "identity", "boundary", "session"}


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("theme", themes())
async def test_every_judge_decides_as_the_specification_says(theme: str, judge: str) -> None:
    verdicts = await JUDGES[judge](records(theme))
    assert not disagreements(records(theme), verdicts)


async def test_the_plain_evaluator_is_asked_everything_but_refused_documents() -> None:
    cases = every_record()
    unasked = [one.unasked for one in await plain_evaluator(cases) if one.unasked]
    assert len(unasked) == sum(case["expected"] == ERROR for case in cases)


def test_the_corpus_is_large_and_every_case_has_its_own_name() -> None:
    cases = every_record()
    assert len({case["id"] for case in cases}) == len(cases) >= 600
    assert len(records("aws_docs")) == 150
    assert {case["expected"] for case in cases} == DECISIONS


@pytest.mark.parametrize("theme", [theme for theme in themes() if theme != "aws_docs"])
def test_a_record_names_its_theme_and_what_stood_in_the_way(theme: str) -> None:
    for case in records(theme):
        assert case["id"].startswith(f"{theme}::"), case["id"]
        assert ("blocked_by" in case) == (case["expected"] == "implicitDeny"), case["id"]
        assert ("error_at" in case) == (case["expected"] == ERROR), case["id"]
        assert case.get("blocked_by", "scp") in LAYERS, case["id"]


@pytest.mark.parametrize("theme", [theme for theme in themes() if theme != "aws_docs"])
def test_no_theme_is_answered_by_one_word(theme: str) -> None:
    """A theme whose cases all expect the same would pass with an engine that says only that."""
    expected = {case["expected"] for case in records(theme)}
    assert len(expected) > 1 or expected == {ERROR}


def test_two_cases_never_ask_the_same() -> None:
    asked: dict[str, str] = {}
    for theme in themes():
        for case in records(theme):
            question = repr(_question(case))
            assert asked.setdefault(question, case["id"]) == case["id"] or theme == "aws_docs"


def _question(case: Record) -> Record:
    told = {"id", "spec", "suite", "expected", "blocked_by", "error_at", "tags", "doc"}
    return {key: case[key] for key in sorted(case.keys() - told)}


def test_the_readme_says_what_each_file_proves() -> None:
    lines = (CORPUS / "README.md").read_text(encoding="utf-8").splitlines()
    listed = [line.split("`")[1] for line in lines if line.startswith("| `") and ".jsonl" in line]
    assert listed == [f"{theme}.jsonl" for theme in themes()]
