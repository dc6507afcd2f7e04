"""What a benchmark ran on."""

import os
import platform
import sqlite3
import subprocess
from pathlib import Path

import uvicorn

from benchmarks.load import GENERATOR
from tests.postgres import find_binaries


def describe_machine() -> dict[str, str]:
    """The machine and the programs, by name."""
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "uvicorn": uvicorn.__version__,
        "PostgreSQL": _postgresql_version(),
        "SQLite": sqlite3.sqlite_version,
        "load average": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "generator": GENERATOR,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _postgresql_version() -> str:
    command = [str(find_binaries() / "postgres"), "--version"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- our own arguments
    return done.stdout.split()[-1]
