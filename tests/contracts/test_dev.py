import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.source_tree import ROOT

DEV = runpy.run_path(str(ROOT / "dev"))


def dev(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "dev", *arguments],
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["help"], []], ids=str)
def test_help_shows_every_command_from_anywhere(arguments: list[str], tmp_path: Path) -> None:
    result = dev(*arguments, cwd=tmp_path)
    assert result.returncode == 0
    for name in DEV["COMMANDS"]:
        assert f"\n  {name} " in result.stdout


def test_an_unknown_command_is_an_error_with_help(tmp_path: Path) -> None:
    result = dev("deploy", cwd=tmp_path)
    assert result.returncode == 2
    assert "there is no command 'deploy'" in result.stderr
    assert "usage: ./dev COMMAND" in result.stderr
    assert not result.stdout


def test_the_last_line_of_a_program_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    program = [sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"]
    passed, last = DEV["run_holding_last_line"](program)
    assert not passed
    assert last == "two"
    assert capfd.readouterr().out == "one\n"


def test_an_environment_without_its_stamp_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = DEV["is_installed"].__globals__
    monkeypatch.setitem(functions, "VENV", tmp_path)
    monkeypatch.setitem(functions, "STAMP", tmp_path / "stamp")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert not DEV["is_installed"]("as wanted")
    (tmp_path / "stamp").write_text("as it was")
    assert not DEV["is_installed"]("as wanted")
    (tmp_path / "stamp").write_text("as wanted")
    assert DEV["is_installed"]("as wanted")
    (tmp_path / "bin" / "python").unlink()
    assert not DEV["is_installed"]("as wanted")
