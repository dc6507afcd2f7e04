"""Settings as rows: how values are written, and what is hidden."""

from datetime import timedelta
from typing import Any

import pytest

from iam.kit.setting_table import HIDDEN, markdown, setting_rows, shown, written
from iam.settings import Settings

ROWS = {row.name: row for row in setting_rows(Settings)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ((), ""),
        (("10.0.0.0/8", "corp.example"), "10.0.0.0/8,corp.example"),
        (True, "true"),
        (0.2, "0.2"),
        (timedelta(0), "PT0S"),
        (timedelta(minutes=90), "PT90M"),
        (timedelta(hours=26), "PT26H"),
        (timedelta(days=90), "P90D"),
        (timedelta(milliseconds=1500), "PT1.5S"),
    ],
)
def test_a_value_is_written_as_a_variable_would_hold_it(value: Any, text: str) -> None:
    assert written(value) == text


def test_every_setting_has_a_meaning_and_a_default_that_its_variable_would_take() -> None:
    assert all(row.description for row in ROWS.values())
    given = {row.name: row.default for row in ROWS.values() if row.default and not row.group}
    assert Settings.model_validate(given) == Settings()


def test_sr_09_no_secret_is_shown() -> None:
    canary, plain = "canary-1f", ROWS["tracing.endpoint"]
    secrets = [row for row in ROWS.values() if row.is_secret]
    assert {row.name for row in secrets} >= {"database_url", "metrics.push_token", "tracing.token"}
    assert {shown(row, canary) for row in secrets} == {HIDDEN}
    url = f"https://user:{canary}@otel.example:4318/v1?key={canary}"
    assert shown(plain, url) == "https://(hidden)@otel.example:4318/v1?(hidden)"
    assert shown(plain, None) == ""
    assert shown(plain, "https://otel.example/v1") == "https://otel.example/v1"


def test_each_group_has_a_table_of_its_own() -> None:
    page = markdown(ROWS.values())
    assert page.count("| variable | default | meaning |") == 1 + page.count("### `")
    assert "| `IAM_PORT` | `8080` | port to listen on; 0 takes a free one; at least 0" in page
