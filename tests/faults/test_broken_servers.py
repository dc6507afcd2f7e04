"""The checker finds what it is there to find: each defect makes it speak.

Most defects show only when the server ends at a bad moment: at the place that is named for each.
"""

import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.arena import Arena, open_arena
from tests.faults.broken_server import DEFECT, DEFECTS
from tests.faults.fail_points import FILE
from tests.faults.journal import Journal, Result
from tests.faults.nemesis import end_at_point, kill
from tests.host import Served

ATTEMPTS = 12
"""Even so the moment may not be bad enough the first time."""
PAUSE_SECONDS = 0.3
LOADED_SECONDS = 20.0
EXPECTED = {
    "token_before_ledger": ("before_token_is_written", "is not in the ledger"),
    "answer_before_commit": ("in_transaction", "has 0 events, expected 1"),
    "event_beside_the_change": ("after_commit", "has 0 events, expected 1"),
    "revocation_in_memory": ("before_revocation", "and the ledger does not say so"),
    "revoked_credential_works": ("", "a token by a credential that"),
    "key_not_remembered": ("after_commit_before_answer", "expected 1"),
}
QUICK = "token_before_ledger"
REVOKING = "revocation_in_memory"


def test_f_01_the_checker_finds_a_token_that_left_too_early(tmp_path: Path) -> None:
    check_that_it_is_found(QUICK, tmp_path, None)


@pytest.mark.long
def test_f_03_the_checker_finds_a_revocation_that_was_only_in_memory(tmp_path: Path) -> None:
    check_that_it_is_found(REVOKING, tmp_path, None)


@pytest.mark.long
@pytest.mark.parametrize("defect", [name for name in DEFECTS if name not in {QUICK, REVOKING}])
def test_f_01_the_checker_finds_each_defect(defect: str, tmp_path: Path) -> None:
    check_that_it_is_found(defect, tmp_path, None)


@pytest.mark.long
@pytest.mark.parametrize("defect", DEFECTS)
def test_f_01_the_checker_finds_each_defect_on_postgresql(
    defect: str, tmp_path: Path, new_database: str
) -> None:
    check_that_it_is_found(defect, tmp_path, new_database)


def check_that_it_is_found(defect: str, directory: Path, database_url: str | None) -> None:
    point, complaint = EXPECTED[defect]
    with open_arena(directory, database_url=database_url) as arena:
        file = directory / "fail-point"
        arena.host.settings = {**arena.host.settings, DEFECT: defect, FILE: str(file)}
        arena.pause = PAUSE_SECONDS
        found: list[str] = []
        for _ in range(ATTEMPTS):
            arena.host.program = ("-m", "tests.faults.broken_server")
            with arena.serve() as served:
                played = arena.load_and_damage(served, partial(damage, arena, file, point))
            file.unlink(missing_ok=True)
            arena.host.program = ("-m", "iam")
            with arena.serve() as served:
                played.look_after(served)
            found = arena.check()
            if any(complaint in line for line in found):
                return
        raise AssertionError(f"{defect} was not found; the checker says {found}")


def damage(arena: Arena, file: Path, point: str, served: Served) -> None:
    if point:
        end_at_point(served, file, point)
        return
    deadline = time.monotonic() + LOADED_SECONDS
    while not has_tried_what_is_revoked(arena.journal) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(served.process.pid)


def has_tried_what_is_revoked(journal: Journal) -> bool:
    operations = list(journal.operations.values())
    revoked = {
        found.key: found.end
        for found in operations
        if found.kind == "credential.revoke" and found.result is Result.OK
    }
    return any(
        found.end is not None and found.start > (revoked.get(found.sent["credential"]) or found.end)
        for found in operations
        if found.kind == "token.secret"
    )
