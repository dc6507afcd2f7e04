"""`./dev faults`: does all the damage, and says for each fault what came of it.

./dev faults [--only F-01] [--rounds N] [--quick]
"""

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.faults.index import ROOT, Proof, proofs
from tests.faults.rounds import MEASURED, VARIABLE

_WORDS: Final = {"passed": "held", "failed": "VIOLATED", "skipped": "skipped"}


@dataclass(eq=False)  # pytest keeps plugins in a set
class Verdicts:
    """What became of each test, as pytest reports it.

    Attributes:
        outcomes: By file and name of the test.
        notes: Figures and reasons, likewise.
    """

    outcomes: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what ends a test: its call, or what went wrong before or after."""
        if report.when != "call" and report.passed:
            return
        file, _, name = report.nodeid.partition("::")
        key = (file, name.rpartition("::")[2].partition("[")[0])
        self.outcomes[key].append(report.outcome)
        self.notes[key] += [
            str(value) for what, value in report.user_properties if what == MEASURED
        ]
        if report.skipped and isinstance(report.longrepr, tuple):
            self.notes[key].append(str(report.longrepr[2]))


def main(arguments: Sequence[str]) -> int:
    """Play, and return 1 if anything was violated or not shown."""
    asked = _parse(arguments)
    wanted = [each for each in proofs() if not asked.only or each.fault in asked.only]
    wanted = [each for each in wanted if not (asked.quick and each.is_long)]
    if not wanted:
        sys.stderr.write(f"there is no such fault: {', '.join(asked.only)}\n")
        return 2
    if asked.rounds is not None:
        os.environ[VARIABLE] = str(asked.rounds)
    verdicts = Verdicts()
    os.chdir(ROOT)
    names = {each.name for each in wanted}
    files = sorted({each.file for each in wanted})
    profile = "not long" if asked.quick else "long or not long"
    options = ["-m", profile, "-q", "-k", " or ".join(sorted(names)), *files]
    status = pytest.main(options, plugins=[verdicts])
    sys.stdout.write("\n".join(["", *_summary(wanted, verdicts), ""]))
    is_complete = all((each.file, each.name) in verdicts.outcomes for each in wanted)
    return 0 if status == pytest.ExitCode.OK and is_complete else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./dev faults", description="Break it, and look what is lost.")
    parser.add_argument("--only", action="append", default=[], metavar="F-01", help="this fault")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each test that plays rounds")
    parser.add_argument("--quick", action="store_true", help="only what ./dev check plays, too")
    return parser.parse_args(arguments)


def _summary(wanted: Sequence[Proof], verdicts: Verdicts) -> Iterator[str]:
    by_fault: dict[tuple[str, str], list[Proof]] = defaultdict(list)
    for proof in wanted:
        by_fault[proof.fault, proof.what].append(proof)
    for (fault, what), shown_by in by_fault.items():
        keys = [(proof.file, proof.name) for proof in shown_by]
        outcomes = [each for key in keys for each in verdicts.outcomes.get(key, ["not run"])]
        told = ", ".join(
            f"{outcomes.count(each)} {_WORDS.get(each, each)}" for each in dict.fromkeys(outcomes)
        )
        yield f"{fault}  {told:<28}  {what}"
        yield from (f"      {note}" for key in keys for note in verdicts.notes.get(key, ()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
