"""The server as judge: the corpus through the HTTP API, in batches, in one installation."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from tests.corpus.judges import Judge, disagreements
from tests.corpus.records import CORPUS, every_record
from tests.corpus.server import through_decisions, undecidable
from tests.corpus.simulation import through_simulation, unsimulated
from tests.world import World

pytestmark = pytest.mark.anyio

JUDGES: Final[dict[str, tuple[Callable[[World], Judge], dict[str, int]]]] = {
    "decisions": (
        through_decisions,
        {
            "a refused document cannot be stored": 178,
            "guardrails bind a whole account": 70,
            "one policy stands at a resource": 260,
            "the caller is no user or session of a role of this installation": 123,
            "somebody for whom an application acts needs a token": 2,
            "a session has one policy, a principal one boundary": 4,
            "the owner follows from the name": 1,
            "the server says who asks and when": 67,
            "the API takes canonical names only": 9,
        },
    ),
    "simulation": (
        through_simulation,
        {
            "a principal has one boundary": 4,
            "a policy is required of roles only": 4,
            "a role's policy is simulated if it is there": 1,
            "the owner follows from the name": 1,
            "the API takes canonical names only": 13,
        },
    ),
}
"""Each with how many cases it cannot be asked, and why."""


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", JUDGES)
async def test_the_server_decides_as_the_specification_says(world: World, name: str) -> None:
    make, unaskable = JUDGES[name]
    cases = every_record()
    verdicts = await make(world)(cases)
    assert not disagreements(cases, verdicts)
    unasked = Counter(verdict.unasked for verdict in verdicts if verdict.unasked)
    asked = len(cases) - unasked.total()
    print(f"{asked} of {len(cases)} cases asked; not asked: {unasked}")  # noqa: T201 -- to be read
    assert dict(unasked) == unaskable


def test_every_case_is_judged_over_http_or_listed_with_the_reason() -> None:
    """What neither judge can be asked is what the table in the README says, no more and no less."""
    unjudged = {
        case["id"]: unsimulated(case)
        for case in every_record()
        if undecidable(case) and unsimulated(case)
    }
    assert _listed() == unjudged


def _listed() -> dict[str, str]:
    """The table of the README under its heading: case and reason."""
    text = (CORPUS / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Not over HTTP\n")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {case.strip("`"): reason for case, reason in rows}
