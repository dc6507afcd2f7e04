"""With uv, two commands are enough in a clean clone: `uv run iam serve` and `uv run pytest`."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.host import event_of

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or shutil.which("uv", path=ROOT / ".boot" / "bin")
SECONDS = 300.0
# A first run may not fetch anything: a test does not depend on a network.
OFFLINE = {"UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(UV is None, reason="uv is neither on the PATH nor in .boot/bin"),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody gets who clones the repository."""
    directory = tmp_path_factory.mktemp("uv") / "clone"
    git = shutil.which("git") or "git"
    subprocess.run([git, "clone", "-q", str(ROOT), str(directory)], check=True, timeout=60)
    found = run_uv(directory, "sync")
    if found.returncode != 0 and ("offline" in found.stderr or "network" in found.stderr):
        pytest.skip("uv's cache does not hold every package, and nothing is fetched here")
    assert found.returncode == 0, found.stderr
    return directory


def environment(**more: str) -> dict[str, str]:
    """The machine's own, but for what belongs to the environment that runs this test."""
    mine = ("IAM_", "VIRTUAL_ENV", "PYTHON", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    caches = {name: os.environ[name] for name in ("UV_CACHE_DIR",) if name in os.environ}
    return {**kept, **caches, **OFFLINE, **more}


def run_uv(
    directory: Path, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run uv there to its end."""
    return subprocess.run(
        [str(UV), *arguments],
        cwd=directory,
        env=environment(**(more or {})),
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def test_uv_run_pytest_finds_the_tests(clone: Path) -> None:
    found = run_uv(clone, "run", "pytest", "--collect-only", "-q")
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    assert "tests collected" in found.stdout


def test_uv_run_iam_serve_serves(clone: Path, tmp_path: Path) -> None:
    settings = environment(IAM_DATA_DIR=str(tmp_path / "data"))
    with subprocess.Popen(
        [str(UV), "run", "iam", "serve", "--port", "0"],
        cwd=clone,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if event_of(line) == "ready":
                process.terminate()
        assert process.wait(SECONDS) == 0, "".join(lines)
    assert any(event_of(line) == "stopped" for line in lines), "".join(lines)
