from pathlib import Path

import pytest

from iam.settings import Settings
from iam.terminal.failures import ExitCode, Failure
from iam.terminal.host import find_master_key, server_url, sole_use, sqlite_file

POSTGRESQL = "postgresql+asyncpg://iam:hidden@db/iam"


def settings_for(directory: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": directory / "data", **more})


def refusal(settings: Settings) -> Failure:
    with pytest.raises(Failure) as failure:
        find_master_key(settings)
    assert failure.value.exit_code is ExitCode.CONFIGURATION
    assert "hidden" not in failure.value.message + failure.value.advice
    return failure.value


def test_a_key_is_made_once_for_an_empty_data_directory(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    key = find_master_key(settings)
    assert find_master_key(settings) == key
    assert (tmp_path / "data" / "master.key").stat().st_mode & 0o777 == 0o600


def test_sr_04_no_key_is_made_where_there_is_a_database(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    find_master_key(settings)
    (tmp_path / "data" / "iam.db").touch()
    (tmp_path / "data" / "master.key").unlink()
    assert "No new key was made" in refusal(settings).advice
    assert not (tmp_path / "data" / "master.key").exists()


def test_sr_04_no_key_is_made_where_a_file_was_named_or_on_postgresql(tmp_path: Path) -> None:
    named = settings_for(tmp_path, master_key_file=tmp_path / "missing")
    postgresql = settings_for(tmp_path, database_url=POSTGRESQL)
    for settings in (named, postgresql):
        assert "openssl rand -hex 32" in refusal(settings).advice
    assert not list(tmp_path.iterdir())


def test_a_server_tells_other_commands_where_it_serves(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    assert server_url(settings) is None
    with sole_use(settings, role="server") as lock:
        assert lock is not None
        lock.announce("http://localhost:1")
        assert server_url(settings) == "http://localhost:1"
    assert server_url(settings) is None


def test_postgresql_is_for_any_number_of_processes(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, database_url=POSTGRESQL)
    assert sqlite_file(settings) is None
    with sole_use(settings, role="server") as first, sole_use(settings, role="server") as second:
        assert first is None
        assert second is None
