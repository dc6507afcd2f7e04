"""`iam config`: everything at once, nothing secret, and a page that is this code's."""

import asyncio
import json
from pathlib import Path

import pytest

from iam.settings import read_settings
from iam.terminal.failures import ExitCode
from iam.terminal.setting_checks import check_settings, exit_code, judge
from iam.terminal.setting_views import page, views
from tests.host import ROOT, Host

CANARY = "canary-77"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_page_holds_the_table_of_this_code() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    between = text.partition("<!-- every setting: begin -->\n")[2]
    table = between.partition("<!-- every setting: end -->")[0]
    assert table.strip() == page().strip(), "run `iam config show --markdown`"


def test_check_lists_everything_at_once_without_values(host: Host) -> None:
    (host.directory / "ca.pem").write_text(CERTIFICATE)
    (host.directory / "file").write_text("")
    checked = host.run(
        "config",
        "check",
        "--json",
        IAM_PROT=CANARY,
        IAM_CLIENT_ID="svc_of_the_sdk",
        IAM_CA_BUNDLE=str(host.directory / "ca.pem"),
        IAM_MASTER_KEY_FILE=str(host.directory / "missing"),
        IAM_DATABASE_URL=f"postgresql+asyncpg://iam:{CANARY}@127.0.0.1:1/iam",
        IAM_BACKUP__DIRECTORY=str(host.directory / "file" / "below"),
        IAM_CREDENTIALS__CLIENT_SECRET_TTL="P400D",
        IAM_ISSUER="https://id.example",
    )
    assert checked.returncode == 78, checked.stderr
    assert CANARY not in checked.stdout + checked.stderr
    found = [(each["status"], each["about"]) for each in json.loads(checked.stdout)]
    assert found == [
        ("warning", "IAM_PROT"),
        ("error", "IAM_CREDENTIALS__CLIENT_SECRET_TTL"),
        ("warning", "IAM_TRUSTED_PROXIES"),
        ("error", "IAM_CA_BUNDLE"),
        ("error", "IAM_BACKUP__DIRECTORY"),
        ("error", "IAM_MASTER_KEY_FILE"),
        ("error", "database"),
    ]


def test_check_tells_settings_that_do_not_stand_from_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert asyncio.run(check_settings()) == []
    assert list(tmp_path.iterdir()) == []
    key = tmp_path / "key"
    key.write_text("07" * 32)
    key.chmod(0o600)
    monkeypatch.setenv("IAM_MASTER_KEY_FILE", str(key))
    monkeypatch.setenv("IAM_DATABASE_URL", "postgresql+asyncpg://iam@127.0.0.1:1/iam")
    away = asyncio.run(check_settings())
    assert [finding.about for finding in away] == ["database"]
    assert exit_code(away) is ExitCode.UNAVAILABLE
    monkeypatch.setenv("IAM_DATABASE_URL", "mysql://iam@127.0.0.1:1/iam")
    other = asyncio.run(check_settings())
    assert [finding.about for finding in other] == ["IAM_DATABASE_URL"]
    assert exit_code(other) is ExitCode.CONFIGURATION


def test_show_tells_what_counts_from_where_and_hides_what_is_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "iam.toml"
    config.write_text(f'port = 9\n[metrics]\npush_token = "{CANARY}"\n')
    monkeypatch.setenv("IAM_CONFIG_FILE", str(config))
    monkeypatch.setenv("IAM_PORT", "10")
    assert CANARY not in str(views())
    rows = {row["name"]: row for row in views()}
    assert rows["port"]["value"] == "10"
    assert rows["port"]["source"] == "IAM_PORT"
    assert rows["metrics.push_token"]["value"] == "(hidden)"
    assert rows["metrics.push_token"]["source"] == str(config)
    assert rows["host"]["source"] == "default"


def test_the_defaults_go_together_and_what_does_not_is_named() -> None:
    assert not list(judge(read_settings()))
    odd = read_settings(
        keys={"publish_lead": "P90D"},
        jobs={"poll": "PT30S"},
        database_lock_timeout="PT9S",
        issuer="http://iam:8080",
        allow_http_internal=True,
        host="192.0.2.7",
        url="http://localhost:8080",
    )
    assert [(finding.grade, finding.about) for finding in judge(odd)] == [
        ("error", "IAM_KEYS__PUBLISH_LEAD"),
        ("error", "IAM_JOBS__POLL"),
        ("warning", "IAM_DATABASE_LOCK_TIMEOUT"),
        ("warning", "IAM_ISSUER"),
        ("warning", "IAM_ALLOW_HTTP_INTERNAL"),
    ]
