"""What a start does not import stays off the way to the first answer."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from tests.contracts.source_tree import ROOT
from tests.host import Host

MIGRATING = "alembic"
OF_NO_USE_TO_A_START = (
    MIGRATING,
    "aiosmtplib",
    "asyncpg",  # on SQLite
    "iam.commands",
    "iam.features.backup.service",
    "iam.features.demo.service",
    "iam.features.health.schemas",
    "iam.http.traced",
    "iam.kit.age",
    "iam.kit.line_sender",
    "iam.kit.otlp",
    "iam.kit.traced_statements",
    "iam.kit.tracing",
    "iam_sdk.transport",
    "mako",
    "nats",
    "prometheus_client",
    "rich.console",
    "typer.testing",
    "watchfiles.main",
)
OF_NO_USE_TO_HELP = (
    "asyncio",
    "cryptography",
    "fastapi",
    "httpx2",
    "iam.runtime",
    "iam_sdk",
    "pydantic",
    "rich",
    "sqlalchemy",
    "ssl",
    "structlog",
)


def imported_by_a_start(host: Host) -> set[str]:
    with host.serve() as served:
        assert httpx2.get(f"{served.url}/oauth2/jwks").status_code == 200
    timed = [line for line in served.lines if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in timed}


def test_a_start_on_a_database_that_is_up_to_date_imports_only_what_serves(tmp_path: Path) -> None:
    host = Host(tmp_path, program=("-X", "importtime", "-m", "iam"))
    assert MIGRATING in imported_by_a_start(host)  # the first start has tables to make
    assert imported_by_a_start(host) & set(OF_NO_USE_TO_A_START) == set()


def test_the_command_line_itself_imports_neither_server_nor_client() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import sys, iam.cli; iam.cli.program(); print(*sys.modules)"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert set(listed.stdout.split()) & set(OF_NO_USE_TO_HELP) == set()


def test_no_plugin_of_another_package_sees_what_is_validated() -> None:
    code = "import iam.cli, os\ntry: iam.cli.main()\nfinally: print(os.environ[%r])"
    said = subprocess.run(
        [sys.executable, "-c", code % "PYDANTIC_DISABLE_PLUGINS", "--help"],
        check=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "PYDANTIC_DISABLE_PLUGINS"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert said.stdout.endswith("__all__\n")


@pytest.mark.parametrize("name", [*OF_NO_USE_TO_A_START, *OF_NO_USE_TO_HELP])
def test_what_must_not_be_imported_exists(name: str) -> None:
    assert find_spec(name) is not None
