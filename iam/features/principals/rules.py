"""What names, paths and tags may look like (AWS: IAM and STS character limits). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from iam.errors import IamError, invalid
from iam.kit.ids import IdKind, is_id

MAX_NAME: Final = 64
MAX_GROUP_OR_POLICY_NAME: Final = 128
MAX_PATH: Final = 512
MAX_TAGS: Final = 50
MAX_TAG_KEY: Final = 128
MAX_TAG_VALUE: Final = 256

# ASCII only: no two names can look alike and be different (PE-05).
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]+")
_PATH = re.compile(r"/([A-Za-z0-9+=,.@_-]+/)*")
_PATH_PREFIX = re.compile(r"/[A-Za-z0-9+=,.@_/-]*")
_TAG_KEY = re.compile(r"[A-Za-z0-9 _.:/=+@-]+")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]*")
_RESERVED_TAGS: Final = ("aws:", "iam:")
_DOTS: Final = frozenset({".", ".."})
_KIND_OF_ID: Final[Mapping[str, str]] = {
    IdKind.USER: "user",
    IdKind.SERVICE: "service",
    IdKind.ROLE: "role",
    IdKind.GROUP: "group",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """How somebody named a user, service, role or group of one account.

    Attributes:
        kind: The word in its ARN.
        key: Its name or its id.
        path: The path that was given with the name; `None` when any will do.
    """

    kind: str
    key: str
    path: str | None = None


def parse_reference(text: str, *, partition: str, account: str) -> Reference | None:
    """Read `user/alice`, `group/team/payments`, an ARN of this account, or an id.

    `None` for anything else, names of another account or partition included.
    """
    if is_id(text):
        kind = _KIND_OF_ID.get(text[:3])
        return None if kind is None else Reference(kind, text)
    own = f"arn:{partition}:iam::{account}:"
    kind, _, resource = text.removeprefix(own).partition("/")
    folders, _, name = resource.rpartition("/")
    if kind not in _KIND_OF_ID.values() or not _NAME.fullmatch(name) or is_id(name):
        return None
    if folders or text.startswith(own):
        return Reference(kind, name, f"/{folders}/" if folders else "/")
    return Reference(kind, name)


def check_name(name: str, *, maximum: int = MAX_NAME) -> None:
    """Raise `IamError` of kind `invalid` unless this may name something.

    What looks like an id is no name: `GET /v1/users/{user}` takes either.
    """
    if len(name) > maximum or not _NAME.fullmatch(name) or name in _DOTS:
        message = f"expected 1 to {maximum} characters out of letters, digits and `+=,.@_-`"
        raise invalid("name_invalid", message)
    if is_id(name):
        raise invalid("name_invalid", "a name must not look like an id")


def check_path(path: str) -> None:
    """Raise `IamError` of kind `invalid` unless this is a path such as `/` or `/team/billing/`."""
    is_form = len(path) <= MAX_PATH and _PATH.fullmatch(path)
    if not is_form or _DOTS & set(path.split("/")):
        raise invalid("path_invalid", "expected a path such as `/` or `/team/billing/`")


def check_path_prefix(prefix: str) -> None:
    """Raise `IamError` of kind `invalid` unless a path can begin like this."""
    if len(prefix) > MAX_PATH or not _PATH_PREFIX.fullmatch(prefix):
        raise invalid("path_prefix_invalid", "expected the beginning of a path, such as `/team/`")


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise `IamError` of kind `invalid` unless these may be all the tags of one principal.

    Keys are compared without case, as conditions compare them.
    """
    if len(tags) > MAX_TAGS:
        raise invalid("too_many_tags", f"expected at most {MAX_TAGS} tags, found {len(tags)}")
    if len({key.casefold() for key in tags}) != len(tags):
        raise invalid("tag_key_duplicate", "two tag keys differ only in case")
    for key, value in tags.items():
        _check_tag(key, value)


def _check_tag(key: str, value: str) -> None:
    if len(key) > MAX_TAG_KEY or not _TAG_KEY.fullmatch(key):
        raise _tag_error(f"expected a key of 1 to {MAX_TAG_KEY} letters, digits or `_.:/=+@-`")
    if key.casefold().startswith(_RESERVED_TAGS):
        raise _tag_error("tag keys that start with `aws:` or `iam:` are reserved")
    if len(value) > MAX_TAG_VALUE or not _TAG_VALUE.fullmatch(value):
        message = f"expected a value of at most {MAX_TAG_VALUE} letters, digits or `_.:/=+@-`"
        raise _tag_error(message)


def _tag_error(message: str) -> IamError:
    return invalid("tag_invalid", message)


def merged_tags(present: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Present tags with some added; an added key replaces the present one of the same letters."""
    replaced = {key.casefold() for key in added}
    kept = {key: value for key, value in present.items() if key.casefold() not in replaced}
    return {**kept, **added}


def remaining_tags(present: Mapping[str, str], removed: list[str]) -> dict[str, str]:
    """Present tags without some keys, compared without case."""
    gone = {key.casefold() for key in removed}
    return {key: value for key, value in present.items() if key.casefold() not in gone}
