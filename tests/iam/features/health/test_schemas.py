from datetime import UTC, datetime, timedelta

from iam.features.credentials.rules import ExpiryReport
from iam.features.health.rules import Readings
from iam.features.health.schemas import exposition

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def lines(*expiries: ExpiryReport) -> set[str]:
    text = exposition(Readings(NOON, 0.25, expiries)).decode()
    return {line for line in text.splitlines() if line.startswith("iam_")}


def test_each_account_and_kind_has_its_own_samples() -> None:
    secrets = ExpiryReport("main", "client_secret", 3, NOON + timedelta(hours=2), (1, 1, 2))
    keys = ExpiryReport("eu", "public_key", 1, None, (0, 0, 0))
    assert lines(secrets, keys) == {
        "iam_change_log_staleness_seconds 0.25",
        'iam_credential_expires_seconds{account="main",kind="client_secret"} 7200.0',
        'iam_credentials_live{account="main",kind="client_secret"} 3.0',
        'iam_credentials_live{account="eu",kind="public_key"} 1.0',
        *(
            f'iam_credentials_expiring{{account="{account}",days="{days}",kind="{kind}"}} {count}.0'
            for account, kind, counts in (
                ("main", "client_secret", {"1": 1, "7": 1, "30": 2}),
                ("eu", "public_key", {"1": 0, "7": 0, "30": 0}),
            )
            for days, count in counts.items()
        ),
    }


def test_where_nothing_expires_there_is_nothing_to_alert_on() -> None:
    assert lines() == {"iam_change_log_staleness_seconds 0.25"}
