"""What webhooks may look like, and how events are signed and told. Pure."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from iam.errors import IamError, invalid
from iam.kit.sealing import Place

MAX_WEBHOOKS: Final = 50
MAX_PATTERNS: Final = 50
SECRET_OVERLAP: Final = timedelta(hours=24)
"""How long the secret before a rotation signs as well."""
SIGNING_PREFIX: Final = "whsec_"
NATS_PORT: Final = 4222

_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
_NATS = re.compile(r"(?P<scheme>nats|tls)://(?P<host>[^/?#:@\[\]]+)(?::(?P<port>[1-9]\d{0,4}))?/?")
_HIGHEST_PORT: Final = 65_535
_SLACK_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class NatsTarget:
    """Where a NATS server is, and whether the connection is encrypted from the beginning."""

    host: str
    port: int
    is_tls: bool


def check_name(name: str) -> None:
    """Raise `IamError` of kind `invalid` unless a webhook may have this name."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise invalid("name_invalid", "expected 1 to 64 letters, digits and any of `+=,.@_-`")


def check_patterns(patterns: Sequence[str], *, known: Iterable[str]) -> None:
    """Raise `IamError` of kind `invalid` unless each stands for one of the known event types."""
    known = list(known)
    if not 1 <= len(patterns) <= MAX_PATTERNS:
        raise invalid("event_types_invalid", f"expected 1 to {MAX_PATTERNS} event types")
    for pattern in patterns:
        if not any(_matches(pattern, each) for each in known):
            message = f"`{pattern[:80]}` is no event type; a final `*` stands for anything"
            raise invalid("event_types_invalid", message)


def is_wanted(patterns: Sequence[str], event_type: str) -> bool:
    """Whether one of the patterns stands for this event type."""
    return any(_matches(pattern, event_type) for pattern in patterns)


def _matches(pattern: str, event_type: str) -> bool:
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def is_wider(new: Sequence[str], old: Sequence[str], *, known: Iterable[str]) -> bool:
    """Whether the new patterns stand for a known event type that the old ones do not."""
    return any(is_wanted(new, each) and not is_wanted(old, each) for each in known)


def parse_nats(url: str) -> NatsTarget:
    """Read `nats://host[:4222]`, or `tls://...`. Raises `IamError` of kind `invalid`."""
    match = _NATS.fullmatch(url)
    if match is None or int(match["port"] or NATS_PORT) > _HIGHEST_PORT:
        message = "expected nats://HOST[:PORT] or tls://HOST[:PORT]; credentials go into `secret`"
        raise invalid("url_invalid", message)
    port = int(match["port"] or NATS_PORT)
    return NatsTarget(match["host"].lower(), port, match["scheme"] == "tls")


def shown_slack_url(url: str) -> str:
    """The part of a Slack address that is no secret."""
    return "/".join(url.split("/")[:3]) + "/..."


def place_of(webhook_id: str, account: str, *, column: str = "secret_sealed") -> Place:
    """Where the secret of a webhook is sealed."""
    return Place("webhooks", column, webhook_id, account)


def signature(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one for each secret, the present one first.

    HMAC-SHA256 over id, timestamp and body, by https://www.standardwebhooks.com: symmetric `v1`.
    `timestamp` is in seconds since 1970.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(_key(secret), signed, hashlib.sha256) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SIGNING_PREFIX))


def slack_text(event: dict[str, Any]) -> str:
    """One line of Slack's own markup that tells an event; names in it cannot become markup."""
    actor = event["data"].get("actor") or "somebody"
    told = f"*{event['type']}*  {event['subject']}  by {actor}  ({event['id']})"
    return told.translate(_SLACK_ESCAPES)


def nats_subject(event_type: str, account: str) -> str:
    """The NATS subject of an event: `iam.{account}.{entity}.{verb}`."""
    _, entity, verb, _ = event_type.split(".")
    return f"iam.{account}.{entity}.{verb}"


def nats_login(secret: str | None) -> dict[str, str]:
    """What a NATS client logs in with: nothing, a token, or `user:password`."""
    if secret is None:
        return {}
    user, colon, password = secret.partition(":")
    return {"user": user, "password": password} if colon else {"token": secret}


def not_signed() -> IamError:
    """The error for a secret of ours that this kind of webhook does not have."""
    return invalid("webhook_not_signed", "only webhooks of kind `webhook` have a signing secret")
