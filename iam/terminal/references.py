"""How people name things: `user/alice`, an id, an ARN, or a bare name where the kind is clear."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from iam.terminal.failures import Failure, usage

_KIND_OF_PREFIX: Final = {
    "usr": "user",
    "svc": "service",
    "rol": "role",
    "grp": "group",
    "pol": "policy",
    "crd": "credential",
    "whk": "webhook",
    "dlv": "delivery",
}
COLLECTIONS: Final = {
    "user": "users",
    "service": "services",
    "role": "roles",
    "group": "groups",
    "policy": "policies",
    "credential": "credentials",
    "webhook": "webhooks",
    "mail-route": "mail-routes",
    "mail-template": "mail-templates",
    "account": "accounts",
    "action-catalogue": "action-catalogues",
}
"""The word in an address for each kind."""
PRINCIPALS: Final = ("user", "service", "role")
HOLDERS: Final = (*PRINCIPALS, "group")
"""What a policy can be attached to."""

_ID: Final = re.compile(r"([a-z]{3})_[0-9a-hjkmnp-tv-z]{26}")
_ARN_PARTS: Final = 6


@dataclass(frozen=True, slots=True)
class Reference:
    """A thing that was named: its kind, and its name or id."""

    kind: str
    name: str

    @property
    def path(self) -> str:
        """Its address below `/v1`."""
        return f"/v1/{COLLECTIONS[self.kind]}/{self.quoted}"

    @property
    def quoted(self) -> str:
        """Its name or id as one part of an address."""
        return quoted(self.name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def quoted(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def parse_reference(text: str, *kinds: str) -> Reference:
    """What `text` names; one of `kinds`. A bare name is of the first kind if there is only one.

    Raises `Failure` for another kind, or for a bare name that could be of several.
    """
    kind, name = _split(text)
    if kind is None and len(kinds) == 1:
        kind = kinds[0]
    if name in {"", ".", ".."}:  # dots would lead to another address
        raise usage(f"`{text}` names nothing")
    if kind is None:
        raise _unclear(text, kinds)
    if kind not in kinds:
        raise usage(f"expected {_either(kinds)}, found `{text}`")
    return Reference(kind, name)


def _split(text: str) -> tuple[str | None, str]:
    if text.startswith("arn:"):
        parts = text.split(":", _ARN_PARTS - 1)
        text = parts[-1] if len(parts) == _ARN_PARTS else text
    elif (found := _ID.fullmatch(text)) is not None:
        return _KIND_OF_PREFIX.get(found[1]), text
    kind, slash, rest = text.partition("/")
    # The path is part of an ARN, not of the name: names are unique without it.
    return (kind, rest.rpartition("/")[2]) if slash else (None, text)


def _unclear(text: str, kinds: tuple[str, ...]) -> Failure:
    examples = " or ".join(f"`{kind}/{text}`" for kind in kinds)
    return usage(f"`{text}` may be {_either(kinds)}", f"write {examples}")


def _either(kinds: tuple[str, ...]) -> str:
    named = [f"{'an' if kind[0] in 'aeio' else 'a'} {kind}" for kind in kinds]
    return " or ".join(named)
