"""What the facts of an installation mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iam.features.diagnostics.rules import (
    Facts,
    Grade,
    Key,
    judge,
    judge_addresses,
    judge_clock,
    judge_transport,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OK, WARNING, ERROR = Grade.OK, Grade.WARNING, Grade.ERROR
WELL: dict[str, Any] = {
    "now": NOW,
    "issuer": "https://id.example",
    "schema": "0012",
    "head": "0012",
    "backup_at": NOW - timedelta(hours=3),
    "verified_at": NOW - timedelta(days=3),
    "keys": {"access_token": Key(active_since=NOW - timedelta(days=30))},
    "mail_routes": 1,
    "settled_until": NOW - timedelta(seconds=50),
    "administrators": 2,
    "disk_free": 1 << 40,
}


def ago(**given: float) -> datetime:
    return NOW - timedelta(**given)


def key(**given: Any) -> dict[str, Key]:
    return {"access_token": Key(**given)}


def test_a_healthy_installation_has_nothing_to_do() -> None:
    checks = list(judge(Facts(**WELL)))
    assert {check.grade for check in checks} == {OK}
    assert not any(check.advice for check in checks)
    assert len({check.check for check in checks}) == len(checks) == 14


@pytest.mark.parametrize(
    ("changed", "check", "grade"),
    [
        ({"schema": "0013"}, "schema", WARNING),
        ({"issuer": "http://iam:8080"}, "transport", WARNING),
        ({"skew": timedelta(seconds=31)}, "clock", ERROR),
        ({"administrators": 1}, "administrators", WARNING),
        ({"administrators": 0}, "administrators", ERROR),
        ({"keys": key()}, "key access_token", ERROR),
        ({"keys": key(active_since=ago(days=92))}, "key access_token", WARNING),
        ({"keys": key(active_since=ago(days=90.5))}, "key access_token", WARNING),
        ({"keys": key(active_since=ago(days=90.5), has_prepared=True)}, "key access_token", OK),
        (
            {"keys": key(active_since=ago(days=1), tainted_at=ago(days=1))},
            "key access_token",
            WARNING,
        ),
        ({"backup_at": None}, "backup", WARNING),
        ({"backup_at": ago(days=3)}, "backup", WARNING),
        ({"backup_at": ago(days=8)}, "backup", ERROR),
        ({"verified_at": ago(days=9)}, "backup", WARNING),
        ({"settled_until": None}, "worker", ERROR),
        ({"settled_until": ago(minutes=11)}, "worker", ERROR),
        ({"unwell_jobs": {"prune-tokens": "failed"}}, "jobs", WARNING),
        ({"outbox_since": ago(minutes=6)}, "deliveries", ERROR),
        ({"outbox_since": ago(minutes=1)}, "deliveries", OK),
        ({"dead": 3}, "deliveries", WARNING),
        ({"mail_routes": 0}, "mail", WARNING),
        ({"mail_fails_since": ago(hours=1)}, "mail", ERROR),
        ({"expiring": 2}, "credentials", WARNING),
        ({"unsealed_since": ago(minutes=6)}, "audit log", ERROR),
        ({"unsealed_since": ago(minutes=1)}, "audit log", OK),
        ({"disk_free": 1 << 20}, "disk", WARNING),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    changed: dict[str, Any], check: str, grade: Grade
) -> None:
    found = {each.check: each for each in judge(Facts(**{**WELL, **changed}))}
    assert found[check].grade is grade
    assert bool(found[check].advice) is (grade is not OK)
    assert all(each.grade is OK for each in found.values() if each.check != check)


@pytest.mark.parametrize(
    ("addresses", "grade"),
    [
        ({"10.0.0.4": 95, "203.0.113.9": 5}, WARNING),
        ({"fd00::4": 20}, WARNING),
        ({"10.0.0.4": 80, "10.0.0.5": 20}, OK),
        ({"10.0.0.4": 19}, OK),
        ({"8.8.8.8": 100}, OK),
        ({"of nobody": 100}, OK),
        ({}, OK),
    ],
)
def test_one_private_address_for_nearly_everybody_is_a_proxy_that_nobody_named(
    addresses: dict[str, int], grade: Grade
) -> None:
    found = judge_addresses(addresses)
    assert found.grade is grade
    assert ("IAM_TRUSTED_PROXIES" in found.advice) is (grade is WARNING)


@pytest.mark.parametrize(
    ("seconds", "grade"), [(0, OK), (30, OK), (-30, OK), (31, ERROR), (-300, ERROR)]
)
def test_ck_06_clocks_may_differ_by_30_seconds(seconds: int, grade: Grade) -> None:
    found = judge_clock(timedelta(seconds=seconds), "the database's")
    assert found.grade is grade
    assert grade is OK or ("ahead of" in found.text) is (seconds > 0)


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8080", "http://iam.localhost", "http://127.0.0.1", "https://iam"]
)
def test_plain_http_is_fine_on_this_machine_alone(issuer: str) -> None:
    assert judge_transport(issuer).grade is OK
