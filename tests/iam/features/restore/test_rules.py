"""The restore epoch only ever rises, and what has ended since a backup is known from a file."""

import json
from datetime import timedelta

from iam.features.restore.rules import ended_since, next_epoch
from tests.world import NOON


def test_the_epoch_rises_above_every_epoch_that_is_known() -> None:
    assert next_epoch([1, 5], now=NOON) > 5
    far = 2_000_000_000
    assert next_epoch([1, far], now=NOON) == far + 1


def test_f_24_the_same_backup_restored_twice_gets_another_epoch_each_time() -> None:
    first = next_epoch([1], now=NOON)
    assert next_epoch([1], now=NOON + timedelta(minutes=1)) > first
    assert next_epoch([1, first], now=NOON) > first


def line(event: str, target: str, *, hours: float, kind: str = "revocation") -> str:
    at = (NOON + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {"kind": kind, "type": f"iam.{event}.v1", "target_id": target, "occurred_at": at}
    )


def test_f_24_what_has_ended_since_is_known_from_the_file_outside_of_the_database() -> None:
    lines = [
        line("credential.revoked", "crd_before", hours=-1),
        line("credential.revoked", "crd_1", hours=1),
        line("credential.quarantined", "crd_1", hours=2),
        line("credential.quarantined", "crd_2", hours=1),
        line("user.deleted", "usr_1", hours=1),
        line("service.disabled", "svc_1", hours=1),
        line("account.suspended", "acme", hours=1),
        line("token.revoked", "tok_1", hours=1),
        line("credential.revoked", "crd_3", hours=1)[:-9],
        line("credential.revoked", "crd_4", hours=1, kind="checkpoint"),
        "[]",
        "",
    ]
    assert ended_since(lines, since=NOON) == {
        "crd_1": "revoked",
        "crd_2": "quarantined",
        "usr_1": "disabled",
        "svc_1": "disabled",
        "acme": "suspended",
    }
