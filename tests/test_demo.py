"""`./dev demo` is the promise of the README, run as a person runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO = [sys.executable, "-m", "examples.demo"]
# What another server's settings say must not matter to it.
ENVIRONMENT = {**os.environ, "IAM_ISSUER": "https://elsewhere.example", "IAM_CLIENT_ID": "svc_x"}


def environment(tmp_path: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "TMPDIR": str(tmp_path)}


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in found.split()]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_every_step_of_the_demo_goes_as_it_says(tmp_path: Path) -> None:
    played = subprocess.run(
        DEMO, check=False, capture_output=True, text=True, env=environment(tmp_path), cwd=ROOT
    )
    assert played.returncode == 0, played.stdout + played.stderr
    told = [line.strip() for line in played.stdout.splitlines()]
    verdicts = re.findall(r"^  orders .*: (ALLOWED|DENIED|REFUSED) ", played.stdout, re.MULTILINE)
    first = ["ALLOWED", "DENIED", "ALLOWED", "REFUSED", "REFUSED", "ALLOWED"]
    first += ["REFUSED", "REFUSED", "ALLOWED"]
    assert verdicts == [*first, "ALLOWED", "DENIED", "REFUSED", "REFUSED"]
    assert "as issuer https://id.demo.example" in played.stdout
    assert "token_inactive" in played.stdout
    assert told[-1].startswith("All 13 steps went as expected")
    assert not list(tmp_path.iterdir()), "the demo leaves something behind"


def test_a_change_that_is_not_made_is_noticed(tmp_path: Path) -> None:
    played = subprocess.run(
        [*DEMO, "--leave-out", "detach"],
        check=False,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        cwd=ROOT,
    )
    assert played.returncode == 1, played.stdout + played.stderr
    assert "(left out: iam policy detach" in played.stdout
    assert "NOT AS EXPECTED: expected DENIED" in played.stdout.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("how", "after", "processes", "status"),
    [
        (signal.SIGINT, "orders serves at", 3, 130),
        (signal.SIGTERM, "iam serves at", 1, 143),
    ],
)
def test_a_demo_that_is_interrupted_leaves_no_process_and_no_file(
    how: signal.Signals, after: str, processes: int, status: int, tmp_path: Path
) -> None:
    demo = subprocess.Popen(
        DEMO,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(tmp_path),
        cwd=ROOT,
    )
    with demo:
        told = ""
        for line in demo.stdout or ():
            told += line
            if after in line:
                break
        started = children_of(demo.pid)
        assert len(started) >= processes, told
        demo.send_signal(how)
        assert demo.wait(180) == status
    assert not [pid for pid in started if is_alive(pid)]
    assert not list(tmp_path.iterdir())
