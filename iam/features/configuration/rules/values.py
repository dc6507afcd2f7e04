"""The values of attributes: each is read into the one form in which states are compared."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from iam.features.configuration.rules.defects import Place
from iam.features.groups.rules import MEMBER_KINDS
from iam.features.guardrails.rules import checked_guardrail, parse_level
from iam.features.policies.rules import checked_document
from iam.features.principals.rules import (
    MAX_GROUP_OR_POLICY_NAME,
    check_name,
    check_path,
    check_tags,
    parse_reference,
)
from iam.features.resource_policies.rules import check_resource, checked_resource_policy
from iam.features.roles.rules import (
    MAX_SESSION_SECONDS,
    MIN_SESSION_SECONDS,
    checked_trust_policy,
)
from iam.features.services.rules import checked_audiences
from iam_policy import Limits

MAX_TEXT: Final = 1000
_MAX_WORDS: Final = 256
_IDS: Final = ("usr_", "svc_", "rol_", "grp_")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a document is read by.

    Attributes:
        account: The account that it is about.
        partition: Of its ARNs.
        limits: What a policy document may cost.
        reserved: Addresses of this installation, which no service can have as an audience.
    """

    account: str
    partition: str
    limits: Limits
    reserved: tuple[str, ...] = ()

    def arn(self, resource: str) -> str:
        """The ARN of something of this account."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"


REFUSED: Final = object()
"""What a reader returns when it has found a defect."""

Read = Callable[[Any, Place, Terms], Any]
"""Reads a value: returns its one form, or notes at its place what is wrong and gives `REFUSED`."""


def text(value: Any, place: Place, _: Terms) -> Any:
    """Any text that people may read."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or _UNPRINTABLE.search(value):
        place.expected(f"a text of at most {MAX_TEXT} printable characters", value)
        return REFUSED
    return value


def words(value: Any, place: Place, _: Terms) -> Any:
    """A short text, or nothing."""
    is_text = isinstance(value, str) and 0 < len(value) <= _MAX_WORDS
    if value is not None and (not is_text or _UNPRINTABLE.search(value)):
        place.expected(f"a text of at most {_MAX_WORDS} printable characters", value)
        return REFUSED
    return value


def email(value: Any, place: Place, _: Terms) -> Any:
    """An email address, or nothing."""
    if value is not None and not (isinstance(value, str) and _EMAIL.fullmatch(value)):
        place.expected("an email address", value)
        return REFUSED
    return value


def path(value: Any, place: Place, _: Terms) -> Any:
    """A folder."""
    if not isinstance(value, str):
        place.expected("a path such as `/` or `/team/`", value)
        return REFUSED
    return _rule(place, value, lambda: check_path(value))


def tags(value: Any, place: Place, _: Terms) -> Any:
    """Tags by key."""
    found = dict(value) if isinstance(value, dict) else None
    if found is None or not all(isinstance(one, str) for one in found.values()):
        place.expected("texts by key", value)
        return REFUSED
    return _rule(place, dict(sorted(found.items())), lambda: check_tags(found))


def seconds(value: Any, place: Place, _: Terms) -> Any:
    """How long a session of a role may last."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not MIN_SESSION_SECONDS <= value <= MAX_SESSION_SECONDS:
        place.expected(f"{MIN_SESSION_SECONDS} to {MAX_SESSION_SECONDS} seconds", value)
        return REFUSED
    return value


def policy(value: Any, place: Place, terms: Terms) -> Any:
    """The name of a policy, from its name or ARN."""
    if not isinstance(value, str) or not value:
        place.expected("the name of a policy", value)
        return REFUSED
    heads = tuple(f"arn:{terms.partition}:iam::{one}:policy/" for one in (terms.account, "iam"))
    return value.rpartition("/")[2] if value.startswith(heads) else value


def maybe_policy(value: Any, place: Place, terms: Terms) -> Any:
    """The same, or nothing."""
    return None if value is None else policy(value, place, terms)


def owner(value: Any, place: Place, terms: Terms) -> Any:
    """Who looks after a service."""
    return _reference(value, place, terms, ("user", "group"))


def service(value: Any, place: Place, terms: Terms) -> Any:
    """Whose a prefix is."""
    return _reference(value, place, terms, ("service",))


def member(value: Any, place: Place, terms: Terms) -> Any:
    """Who is in a group."""
    return _reference(value, place, terms, MEMBER_KINDS)


def group(value: Any, place: Place, terms: Terms) -> Any:
    """A group that somebody is in, by its name or as `group/finance`."""
    is_name = isinstance(value, str) and "/" not in value and ":" not in value
    return _reference(f"group/{value}" if is_name else value, place, terms, ("group",))


def target(value: Any, place: Place, _: Terms) -> Any:
    """What a guardrail is attached to."""
    if not isinstance(value, str):
        place.expected("`installation`, or `account/` and its name", value)
        return REFUSED
    return _rule(place, value, lambda: parse_level(value))


def audience(value: Any, place: Place, terms: Terms) -> Any:
    """A URI that tokens for a service may name, beside its ARN."""
    if not isinstance(value, str):
        place.expected("an absolute URI", value)
        return REFUSED
    own = terms.arn("service/any")
    return _rule(place, value, lambda: checked_audiences([value], arn=own, reserved=terms.reserved))


def each(read: Read) -> Read:
    """A list of such values, each once, sorted."""

    def read_all(value: Any, place: Place, terms: Terms) -> Any:
        before = len(place.found)
        found = [read(one, at, terms) for at, one in place.items(value)]
        if len(place.found) > before:
            return REFUSED
        return list({one.casefold(): one for one in sorted(found)}.values())

    return read_all


def identity(value: Any, place: Place, terms: Terms) -> Any:
    """The document of an identity policy."""
    return _document(value, place, lambda: checked_document(value, terms.limits))


def trust(value: Any, place: Place, terms: Terms) -> Any:
    """A trust policy."""
    return _document(value, place, lambda: checked_trust_policy(value, terms.limits))


def guardrail(kind: str) -> Read:
    """The document of a guardrail of this kind."""

    def read(value: Any, place: Place, terms: Terms) -> Any:
        return _document(value, place, lambda: checked_guardrail(value, kind, terms.limits))

    return read


def resource_policy(resource: str) -> Read:
    """The policy of this resource."""

    def read(value: Any, place: Place, terms: Terms) -> Any:
        if _rule(place, value, lambda: check_resource(resource, account=terms.account)) is REFUSED:
            return REFUSED
        return _document(
            value, place, lambda: checked_resource_policy(value, resource, terms.limits)
        )

    return read


def inline(value: Any, place: Place, terms: Terms) -> Any:
    """Identity policies by name."""
    before = len(place.found)
    found = {}
    for name, at, one in place.members(value):
        at.checked(partial(check_name, name, maximum=MAX_GROUP_OR_POLICY_NAME))
        found[name] = identity(one, at, terms)
    return REFUSED if len(place.found) > before else dict(sorted(found.items()))


def _document(value: Any, place: Place, check: Callable[[], object]) -> Any:
    if not isinstance(value, Mapping):
        place.expected("a policy document", value)
        return REFUSED
    return _rule(place, value, check)


def _rule(place: Place, value: Any, check: Callable[[], object]) -> Any:
    before = len(place.found)
    place.checked(check)
    return REFUSED if len(place.found) > before else value


def _reference(value: Any, place: Place, terms: Terms, kinds: tuple[str, ...]) -> Any:
    found = None
    if isinstance(value, str):
        found = parse_reference(value, partition=terms.partition, account=terms.account)
    if found is None or found.kind not in kinds or found.key.startswith(_IDS):
        place.expected(" or ".join(f"`{kind}/NAME`" for kind in kinds), value)
        return REFUSED
    return f"{found.kind}/{found.key}"
