"""`iam migrate --check` and `--plan`: what is missing, told without a change."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from iam.cli import program
from iam.kit import schema
from iam.kit.database import Database
from iam.kit.schema_plan import plan
from iam.settings import read_settings


def test_what_is_missing_is_told_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("IAM_DATA_DIR", str(data))
    planned = CliRunner().invoke(program(), ["migrate", "--plan", "--json"])
    assert planned.exit_code == 0
    told = json.loads(planned.stdout)
    assert told["found"] is None
    assert [step["revision"] for step in told["missing"]] == [
        step.revision for step in plan(None, is_sqlite=True)
    ]
    assert "CREATE TABLE accounts" in planned.stdout
    checked = CliRunner().invoke(program(), ["migrate", "--check"])
    assert checked.exit_code == 1
    assert f"-- {schema.HEAD}: " in checked.stdout
    assert not data.exists()


def test_a_schema_that_serves_misses_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IAM_DATA_DIR", str(tmp_path))

    async def migrate() -> None:
        database = Database(read_settings().effective_database_url)
        await schema.upgrade(database)
        await database.close()

    asyncio.run(migrate())
    checked = CliRunner().invoke(program(), ["migrate", "--check"])
    assert (checked.exit_code, checked.stdout) == (0, "")
