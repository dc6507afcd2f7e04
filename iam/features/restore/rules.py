"""What a restore raises, and what it is told that must not come back. Pure."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

_MINUTE: Final = 60
_MARGIN: Final = timedelta(minutes=10)
"""How far the clocks of replicas, and of the database, may be apart."""
_OUTCOMES: Final = {
    "iam.credential.revoked.v1": "revoked",
    "iam.credential.quarantined.v1": "quarantined",
    "iam.user.disabled.v1": "disabled",
    "iam.user.deleted.v1": "disabled",
    "iam.service.disabled.v1": "disabled",
    "iam.service.deleted.v1": "disabled",
    "iam.role.disabled.v1": "disabled",
    "iam.role.deleted.v1": "disabled",
    "iam.account.suspended.v1": "suspended",
    "iam.account.deleted.v1": "suspended",
}
"""What becomes of a thing that has ended since. Tokens and signing keys end with every restore."""
_STRICTER: Final = ("quarantined", "revoked")


def next_epoch(known: Iterable[int], *, now: datetime) -> int:
    """The restore epoch from here on: higher than any that was ever in use.

    The database that was lost may have been restored before, and nobody knows how often. Minutes
    since 1970 are higher than any count of restores, and than those of any restore before.
    """
    return max(*known, int(now.timestamp()) // _MINUTE - 1, 0) + 1


def ended_since(lines: Iterable[str], *, since: datetime) -> dict[str, str]:
    """What must not come back, from the file that the audit log is copied to: id and outcome.

    Outcomes are `revoked` and `quarantined` for credentials, `disabled` for principals, `suspended`
    for accounts. Lines that were cut short are repeated in the file, and so are left out here.
    """
    found: dict[str, str] = {}
    for line in lines:
        entry = _object(line)
        outcome = _OUTCOMES.get(str(entry.get("type")))
        if outcome is None or _instant(entry) < since - _MARGIN:
            continue
        target = str(entry.get("target_id"))
        found[target] = max(outcome, found.get(target, outcome), key=_strictness)
    return found


def _strictness(outcome: str) -> int:
    return _STRICTER.index(outcome) if outcome in _STRICTER else 0


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "revocation" else {}


def _instant(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entry.get("occurred_at")))
