"""The lock files pin everything by hash, name no host, and are up to date."""

import re
import runpy
from pathlib import Path

import pytest

from tests.contracts.source_tree import ROOT

LOCKS = ("requirements.lock", "requirements.server.lock", "requirements.bench.lock")
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[0-9][\w.!+]*)( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    matches = [PIN.fullmatch(line) for line in lines if line[0] not in "# "]
    return {match["name"]: match["version"] for match in matches if match}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_a_pin_or_a_hash(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()[2:]
    assert [each for each in lines if not PIN.fullmatch(each) and not HASH.fullmatch(each)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_was_made_from_the_dependencies_as_they_are(name: str) -> None:
    header = runpy.run_path(str(ROOT / "dev"))["lock_header"]()
    assert (ROOT / name).read_text().startswith(header), "run ./dev lock"


def test_the_server_runs_on_what_was_tested() -> None:
    everything, server = pins("requirements.lock"), pins("requirements.server.lock")
    assert server.items() <= everything.items()
    assert "fastapi" in server
    assert "pytest" not in server


def test_the_lock_that_names_hosts_is_not_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/uv.lock" in ignored
    assert not Path(ROOT / ".git" / "uv.lock").exists()
