"""`./dev bench [NAME ...]`: run the benchmarks, print a table, write JSON into `results/`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import (
    client_credentials,
    configuration,
    decision,
    deliveries,
    engine,
    introspection,
    key_set,
    observability,
    refusal,
    start,
    users,
    who_can,
)
from benchmarks.comparing import Row
from benchmarks.machine import describe_machine
from benchmarks.scene import Scene

BENCHMARKS: Final[dict[str, Callable[[Scene], Iterator[Row]]]] = {
    "token-postgresql": client_credentials.on_postgresql,
    "token-sqlite": client_credentials.on_sqlite,
    "introspection": introspection.introspection,
    "decision": decision.decision,
    "engine": engine.engine,
    "key-set": key_set.key_set,
    "users": users.users,
    "who-can": who_can.who_can,
    "configuration": configuration.configuration,
    "observability": observability.observability,
    "refusal": refusal.refusal,
    "backlog-sqlite": deliveries.on_sqlite,
    "backlog-postgresql": deliveries.on_postgresql,
    "start": start.start,
}
_RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args(arguments).name or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    machine = describe_machine()
    for name, value in machine.items():
        print(f"{name:<14}{value}")
    print(flush=True)
    rows: list[Row] = []
    failed = False
    with Scene() as scene:
        for name in names:
            try:
                for row in BENCHMARKS[name](scene):
                    rows.append(row)
                    print(line_of(row), flush=True)
            except Exception as error:  # noqa: BLE001 -- the others are worth having all the same
                failed = True
                print(f"{name}: {error}", file=sys.stderr, flush=True)
    print(f"\nwritten to {write(machine, rows)}")
    if failed:
        sys.exit(1)


def line_of(row: Row) -> str:
    """One line of the table."""
    figures = "  ".join(f"{name} {value}" for name, value in row.measured.items())
    verdict = "" if row.is_met is None else f"  [{row.bar}: {'met' if row.is_met else 'MISSED'}]"
    return f"{row.name:<24}{figures}{verdict}"


def write(machine: dict[str, str], rows: list[Row]) -> Path:
    """Keep every single run as JSON."""
    at = datetime.now(UTC)  # noqa: TID251 -- when it was measured, in the name of a file
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
    found = {"at": at.isoformat(), "machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
