"""Log lines, as a process writes them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, sys
import structlog
from iam.kit.logs import configure_logs

configure_logs(as_json=sys.argv[1] == "json")

def fail(argument):
    local = "hidden-" + argument
    raise ValueError("the reason")

structlog.get_logger("x").info("it_happened", who="alice")
logging.getLogger("library").warning("a library says %s", "so")
logging.getLogger("library").info("detail")
try:
    fail("canary")
except ValueError:
    structlog.get_logger("x").exception("it_failed")
"""


def written(form: str) -> str:
    command = [sys.executable, "-c", PROGRAM, form]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not result.stderr
    return result.stdout


def test_each_line_for_machines_is_one_json_object() -> None:
    lines = [json.loads(line) for line in written("json").splitlines()]
    assert [line["event"] for line in lines][:2] == ["it_happened", "a library says so"]
    assert lines[0]["who"] == "alice"
    assert {line["level"] for line in lines} == {"info", "warning", "error"}
    assert all(line["timestamp"].endswith("Z") for line in lines)


@pytest.mark.parametrize("form", ["json", "text"])
def test_lg_04_an_exception_is_logged_without_local_variables(form: str) -> None:
    output = written(form)
    assert "ValueError: the reason" in output
    assert "canary" not in output.replace('fail("canary")', "")
    assert "hidden-canary" not in output


@pytest.mark.parametrize("form", ["json", "text"])
def test_f_10_a_full_disk_under_the_log_stops_nobody(form: str) -> None:
    more = "print('went on', file=sys.stderr, flush=True); import os; os._exit(0)"
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", f"{PROGRAM}\n{more}", form],
            check=True,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.stderr.endswith("went on\n")
