"""F-12: of two replicas on one PostgreSQL, the clock of one is an hour ahead."""

import time
from pathlib import Path

import pytest

from tests.faults.arena import is_ready
from tests.faults.broken_server import CLOCK
from tests.faults.fleet import open_fleet
from tests.host import PATIENCE
from tests.world import HOUR

pytestmark = pytest.mark.long


def test_f_12_a_replica_with_a_wrong_clock_is_not_ready_while_another_is(
    new_database: str, tmp_path: Path
) -> None:
    with open_fleet(tmp_path, new_database, count=2) as fleet:
        right, wrong = fleet.hosts
        wrong.program = ("-m", "tests.faults.broken_server")
        wrong.settings = {**wrong.settings, CLOCK: str(HOUR.total_seconds())}
        ports = [str(port) for port in fleet.arena.ports]
        with right.serve("--port", ports[0]) as one, wrong.serve("--port", ports[1]) as other:
            deadline = time.monotonic() + PATIENCE
            # Until it has seen that the other one is in step, it is the better of two.
            while is_ready(other) or not is_ready(one):
                assert time.monotonic() < deadline, f"{one.log}\n{other.log}"
                time.sleep(0.5)
            assert '"clock_out_of_step"' in other.log
            assert '"clock_out_of_step"' not in one.log
