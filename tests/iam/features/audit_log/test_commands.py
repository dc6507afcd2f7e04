"""`iam audit-log verify` with a file and a key: no server is needed, and none is asked."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iam.cli import program
from tests.iam.journal.sealed_logs import PAIR, Log, changed, log, texts

WHOLE = log(12)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The public keys, in a file."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [PAIR.public_jwk]}))
    return file


def verify(*arguments: str | Path, stdin: str = "") -> Result:
    words = ["audit-log", "verify", *map(str, arguments)]
    nowhere = {"IAM_URL": "http://127.0.0.1:1"}
    return CliRunner().invoke(program(), words, input=stdin, env=nowhere)


def written(directory: Path, lines: Log, name: str = "audit.jsonl") -> Path:
    file = directory / name
    file.write_text("".join(texts(lines)))
    return file


def test_al_11_a_log_that_holds_is_verified_offline(tmp_path: Path, key: Path) -> None:
    told = verify(written(tmp_path, WHOLE), "--key", key)
    assert told.exit_code == 0, told.stderr
    assert "12 entries, 1 to 12" in told.stdout
    as_json = verify("-", "--key", key, "--json", stdin="".join(texts(WHOLE)))
    assert json.loads(as_json.stdout)["last"] == 12
    assert "no entry" in verify(written(tmp_path, WHOLE[:1]), "--key", key).stdout


def test_al_01_the_first_bad_entry_is_named_and_the_exit_code_is_1(
    tmp_path: Path, key: Path
) -> None:
    bad = changed(WHOLE, 6, lambda line: line.update(outcome="denied"))
    told = verify(written(tmp_path, bad), "--key", key)
    assert told.exit_code == 1
    assert "from entry 6" in told.stderr
    as_json = verify(written(tmp_path, bad), "--key", key, "--json")
    error = json.loads(as_json.stderr)
    assert (error["reason"], error["sequence"]) == ("changed", 6)


def test_al_01_a_cut_tail_shows_against_checkpoints_kept_elsewhere(
    tmp_path: Path, key: Path
) -> None:
    cut = written(tmp_path, log(8))
    kept = written(tmp_path, WHOLE, "kept.jsonl")
    assert verify(cut, "--key", key).exit_code == 0
    told = verify(cut, "--key", key, "--checkpoints", kept)
    assert (told.exit_code, "from entry 9" in told.stderr) == (1, True)


def test_a_single_key_will_do(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps(PAIR.public_jwk))
    assert verify(written(tmp_path, WHOLE), "--key", key).exit_code == 0


def test_what_cannot_be_read_is_wrong_usage(tmp_path: Path, key: Path) -> None:
    file, away = written(tmp_path, WHOLE), tmp_path / "away"
    no_keys = tmp_path / "none.json"
    no_keys.write_text('{"keys": 5}')
    for arguments in (
        (file,),
        (file, "--key", away),
        (file, "--key", no_keys),
        (away, "--key", key),
        (file, "--key", key, "--checkpoints", away),
    ):
        assert verify(*arguments).exit_code == 2, arguments
