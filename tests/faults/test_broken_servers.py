"""The checker finds what it is there to find: each defect makes it speak."""

from pathlib import Path

import pytest

from tests.faults.arena import open_arena
from tests.faults.broken_server import DEFECT, DEFECTS
from tests.faults.nemesis import kill

ATTEMPTS = 12
"""Some defects show only when the kill comes at a bad moment; it need not come the first time."""
PAUSE_SECONDS = 0.3
EXPECTED = {
    "token_before_ledger": "is not in the ledger",
    "answer_before_commit": "has 0 events, expected 1",
    "event_beside_the_change": "has 0 events, expected 1",
    "revocation_in_memory": "and the ledger does not say so",
    "revoked_credential_works": "a token by a credential that",
    "key_not_remembered": "expected 1",
}
QUICK = "token_before_ledger"


def test_f_01_the_checker_finds_a_token_that_left_too_early(tmp_path: Path) -> None:
    check_that_it_is_found(QUICK, tmp_path, None)


@pytest.mark.long
@pytest.mark.parametrize("defect", [name for name in DEFECTS if name != QUICK])
def test_f_01_the_checker_finds_each_defect(defect: str, tmp_path: Path) -> None:
    check_that_it_is_found(defect, tmp_path, None)


@pytest.mark.long
@pytest.mark.parametrize("defect", DEFECTS)
def test_f_01_the_checker_finds_each_defect_on_postgresql(
    defect: str, tmp_path: Path, new_database: str
) -> None:
    check_that_it_is_found(defect, tmp_path, new_database)


def check_that_it_is_found(defect: str, directory: Path, database_url: str | None) -> None:
    with open_arena(directory, database_url=database_url) as arena:
        arena.host.settings = {**arena.host.settings, DEFECT: defect}
        arena.pause = PAUSE_SECONDS
        found: list[str] = []
        for _ in range(ATTEMPTS):
            arena.host.program = ("-m", "tests.faults.broken_server")
            with arena.serve() as served:
                played = arena.load_and_damage(served, lambda at: kill(at.process.pid))
            arena.host.program = ("-m", "iam")
            with arena.serve() as served:
                played.look_after(served)
            found = arena.check()
            if any(EXPECTED[defect] in line for line in found):
                return
        raise AssertionError(f"{defect} was not found; the checker says {found}")
