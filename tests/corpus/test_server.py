"""The server as judge: the corpus through the HTTP API, in batches, in one installation."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from tests.corpus.judges import Judge, disagreements
from tests.corpus.records import every_record
from tests.corpus.server import through_decisions
from tests.corpus.simulation import through_simulation
from tests.world import World

pytestmark = pytest.mark.anyio

JUDGES: Final[dict[str, tuple[Callable[[World], Judge], dict[str, int]]]] = {
    "decisions": (
        through_decisions,
        {
            "a refused document cannot be stored": 178,
            "guardrails bind a whole account": 70,
            "one policy stands at a resource": 261,
            "the caller is no user or session of a role of this installation": 118,
            "somebody for whom an application acts needs a token": 2,
            "a session has one policy, a principal one boundary": 4,
            "the owner follows from the name": 6,
            "the server says who asks and when": 67,
            "the API takes canonical names only": 9,
        },
    ),
    "simulation": (
        through_simulation,
        {
            "guardrails are those that are stored": 81,
            "the caller is a user, a service or a role": 150,
            "a principal's id is stored": 13,
            "a principal has one boundary": 3,
            "a policy is required of roles only, and simulated if it is there": 5,
            "the owner follows from the name": 9,
            "the server tells who asks and when": 28,
            "a context value is a text or a list of texts": 2,
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
