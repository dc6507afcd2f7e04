"""Reading a simulation: what is asked, about which documents. Pure."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Any, Final

from iam.authz.questions import is_action, resource_defect
from iam.authz.surroundings import is_assuming
from iam.errors import IamError, invalid
from iam_policy import (
    CompiledPolicy,
    DocumentKind,
    Limits,
    PolicyError,
    PolicySet,
    build_set,
    canonical_defect,
    compile_policy,
)

MAX_POLICIES: Final = 100
MAX_PAIRS: Final = 1_000
"""Actions times resources of one request."""
MAX_ITEMS: Final = 1_000
DEFAULT_ITEMS: Final = 100
MAX_ENTRIES: Final = 100
MAX_VALUES: Final = 100
MAX_TEXT: Final = 2_048

_ROOT = re.compile(r"arn:[a-z0-9-]+:iam::([a-z0-9-]{1,64}):root")
_CALLER = re.compile(
    r"arn:[a-z0-9-]+:iam::(?P<account>[a-z0-9-]{1,64}):(?P<kind>user|service|role)/"
    r"(?:[A-Za-z0-9+=,.@_-]+/)*(?P<name>[A-Za-z0-9+=,.@_-]{1,64})"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is simulated as the caller, as its ARN tells."""

    arn: str
    account: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """One request.

    Attributes:
        source: The ARN of the stored principal; `None` for a simulation of documents alone.
        caller: Who calls, if that is said.
        policies: Identity policies of the request, labelled as AWS does.
        boundary: The permissions boundary of the request.
        resource_policy: The policy that every resource is treated as having.
        texts: The documents by label, to find statements in.
        actions: What is done.
        resources: On what; `*` when nothing was named.
        names_resources: Whether resources were named.
        owner: The account that owns resources whose ARN names none.
        context: Condition keys and values.
        explains: Whether the reasons are wanted.
        max_items: How many actions one answer may have.
        marker: Where the answer before ended.
    """

    source: str | None
    caller: Caller | None
    policies: tuple[tuple[str, CompiledPolicy], ...]
    boundary: PolicySet | None
    resource_policy: PolicySet | None
    texts: Mapping[str, str]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    names_resources: bool
    owner: str | None
    context: Mapping[str, Any]
    explains: bool
    max_items: int
    marker: str | None


MEMBERS: Final = frozenset({
    "policy_source_arn", "policy_input_list", "permissions_boundary_policy_input_list",
    "action_names", "resource_arns", "resource_policy", "resource_owner", "caller_arn",
    "context_entries", "max_items", "marker", "explain",
})  # fmt: skip


def parse_simulation(body: Any, limits: Limits) -> Simulation:
    """Read a request; its documents may cost as much as those that are stored.

    Raises `IamError` of kind `invalid` that says what is wrong and where; with every defect of a
    document that is no policy.
    """
    if not isinstance(body, dict) or not body.keys() <= MEMBERS:
        raise _wrong("$", f"expected an object with members out of {', '.join(sorted(MEMBERS))}")
    documents = _Documents(limits)
    actions = _texts(body, "action_names", _action, least=1)
    resources = _texts(body, "resource_arns", _resource)
    source = _text(body, "policy_source_arn", _caller)
    caller = _text(body, "caller_arn", _caller)
    _check_whole(body, len(actions) * len(resources or "*"))
    trusts = all(map(is_assuming, actions))
    return Simulation(
        source=source.arn if source else None,
        caller=caller or source,
        policies=documents.read(body, "policy_input_list", DocumentKind.IDENTITY),
        boundary=documents.boundary(body),
        resource_policy=documents.resource_policy(body, trusts=trusts),
        texts=documents.texts,
        actions=actions,
        resources=resources or ("*",),
        names_resources=bool(resources),
        owner=_text(body, "resource_owner", _owner),
        context=_context(body.get("context_entries")),
        explains=_flag(body, "explain"),
        max_items=_max_items(body.get("max_items", DEFAULT_ITEMS)),
        marker=_text(body, "marker", lambda text, _: text),
    )


def _check_whole(body: Mapping[str, Any], pairs: int) -> None:
    if body.get("policy_source_arn") is None and not body.get("policy_input_list"):
        raise _wrong("$", "expected `policy_source_arn`, `policy_input_list`, or both")
    is_named = body.get("policy_source_arn") or body.get("caller_arn")
    if body.get("resource_policy") is not None and not is_named:
        raise _wrong("$.caller_arn", "expected who calls, for the resource policy to name")
    if pairs > MAX_PAIRS:
        message = f"expected at most {MAX_PAIRS} actions times resources, found {pairs}"
        raise _wrong("$.resource_arns", message)


class _Documents:
    """Compiles the documents of a request, and keeps their texts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.texts: dict[str, str] = {}

    def read(
        self, body: Mapping[str, Any], member: str, kind: DocumentKind
    ) -> tuple[tuple[str, CompiledPolicy], ...]:
        found = body.get(member)
        if found is None:
            return ()
        if not isinstance(found, list) or len(found) > MAX_POLICIES:
            raise _wrong(f"$.{member}", f"expected a list of at most {MAX_POLICIES} documents")
        return tuple(
            self._compiled(text, f"{_AWS_NAME[member]}.{place}", f"$.{member}[{place - 1}]", kind)
            for place, text in enumerate(found, start=1)
        )

    def boundary(self, body: Mapping[str, Any]) -> PolicySet | None:
        member = "permissions_boundary_policy_input_list"
        read = self.read(body, member, DocumentKind.BOUNDARY)
        if len(read) > 1:
            raise _wrong(f"$.{member}", "expected one document: a principal has one boundary")
        return build_set(read) if read else None

    def resource_policy(self, body: Mapping[str, Any], *, trusts: bool) -> PolicySet | None:
        text = body.get("resource_policy")
        if text is None:
            return None
        kind = DocumentKind.TRUST if trusts else DocumentKind.RESOURCE
        return build_set([self._compiled(text, "ResourcePolicy", "$.resource_policy", kind)])

    def _compiled(
        self, text: Any, label: str, path: str, kind: DocumentKind
    ) -> tuple[str, CompiledPolicy]:
        if not isinstance(text, str):
            raise _wrong(path, "expected a policy document as text")
        try:
            compiled = compile_policy(text, kind, self._limits, imported=True)
        except PolicyError as error:
            problems = [
                {
                    "path": f"{path}:{one.path}",
                    "found": one.found,
                    "expected": one.expected,
                }
                for one in error.defects
            ]
            raise invalid("policy_invalid", f"`{label}` is no policy", errors=problems) from None
        self.texts[label] = text
        return label, compiled


_AWS_NAME: Final = {
    "policy_input_list": "PolicyInputList",
    "permissions_boundary_policy_input_list": "PermissionsBoundaryPolicyInputList",
}


def _text(body: Mapping[str, Any], member: str, read: Callable[[str, str], Any]) -> Any:
    value = body.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise _wrong(f"$.{member}", f"expected text of at most {MAX_TEXT} characters")
    return read(value, f"$.{member}")


def _texts(
    body: Mapping[str, Any], member: str, read: Callable[[str, str], str], *, least: int = 0
) -> tuple[str, ...]:
    values = body.get(member)
    if values is None and not least:
        return ()
    if not isinstance(values, list) or not least <= len(values) <= MAX_PAIRS:
        raise _wrong(f"$.{member}", f"expected a list of {least} to {MAX_PAIRS} texts")
    found = tuple(_text({member: value or 0}, member, read) for value in values)
    if len(set(found)) != len(found):
        raise _wrong(f"$.{member}", "expected every one once")
    return found


def _action(text: str, path: str) -> str:
    if not is_action(text):
        raise _wrong(path, "expected `service:VerbNoun`")
    return text


def _resource(text: str, path: str) -> str:
    defect = resource_defect(text)
    if defect is not None:
        raise _wrong(path, defect)
    return text


def _caller(text: str, path: str) -> Caller:
    found = _CALLER.fullmatch(text)
    if found is None or canonical_defect(text) is not None:
        raise _wrong(path, "expected the ARN of a user, service or role")
    return Caller(text, found["account"], found["kind"], found["name"])


def _owner(text: str, path: str) -> str:
    found = _ROOT.fullmatch(text)
    if found is None:
        raise _wrong(path, "expected the ARN of an account, `arn:iam:iam::main:root`")
    return found[1]


def _flag(body: Mapping[str, Any], member: str) -> bool:
    value = body.get(member, False)
    if not isinstance(value, bool):
        raise _wrong(f"$.{member}", "expected true or false")
    return value


def _max_items(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ITEMS:
        raise _wrong("$.max_items", f"expected a number from 1 to {MAX_ITEMS}")
    return value


def _context(entries: Any) -> dict[str, Any]:
    """Condition keys and values. One under `aws:` or `iam:` is meant under both."""
    if entries is None:
        return {}
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise _wrong("$.context_entries", f"expected a list of at most {MAX_ENTRIES} entries")
    found: dict[str, Any] = {}
    for place, entry in enumerate(entries):
        key, value = _entry(entry, f"$.context_entries[{place}]")
        if key in found:
            raise _wrong(f"$.context_entries[{place}]", "expected each key once, in any case")
        found[key] = value
    twins = {_twin(key): value for key, value in found.items() if _twin(key) not in found}
    return {**twins, **found}


def _twin(key: str) -> str:
    prefix, colon, name = key.partition(":")
    return {"aws": "iam", "iam": "aws"}.get(prefix, prefix) + colon + name


_ENTRY: Final = {"context_key_name", "context_key_type", "context_key_values"}


def _entry(entry: Any, path: str) -> tuple[str, Any]:
    if not isinstance(entry, dict) or entry.keys() != _ENTRY:
        raise _wrong(path, f"expected an object with {', '.join(sorted(_ENTRY))}")
    name, kind, values = (entry[member] for member in sorted(_ENTRY))
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT or ":" not in name:
        raise _wrong(f"{path}.context_key_name", "expected a key, such as `aws:SourceIp`")
    if not isinstance(kind, str) or kind not in KEY_TYPES:
        raise _wrong(f"{path}.context_key_type", f"expected one of {', '.join(KEY_TYPES)}")
    if (
        not isinstance(values, list)
        or len(values) > MAX_VALUES
        or not all(isinstance(value, str) for value in values)
    ):
        message = f"expected a list of at most {MAX_VALUES} texts"
        raise _wrong(f"{path}.context_key_values", message)
    return name.lower(), _values(kind, values, f"{path}.context_key_values")


def _values(kind: str, values: Sequence[str], path: str) -> Any:
    single = kind.removesuffix("List")
    try:
        found = [_READERS[single](value) for value in values]
    except (ValueError, InvalidOperation):
        raise _wrong(path, f"expected values that are of type {single}") from None
    if kind != single:
        return found
    if len(found) != 1:
        raise _wrong(path, f"expected one value; for several the type is {single}List")
    return found[0]


def _numeric(text: str) -> str:
    if not Decimal(text).is_finite() or "_" in text:
        raise ValueError(text)
    return text


def _boolean(text: str) -> str:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text


def _ip(text: str) -> str:
    ip_network(text, strict=False)
    return text


def _date(text: str) -> str:
    if not text.isdecimal():
        datetime.fromisoformat(text)
    return text


def _binary(text: str) -> bytes:
    return b64decode(text, validate=True)


_READERS: Final[Mapping[str, Callable[[str], str | bytes]]] = {
    "string": str,
    "numeric": _numeric,
    "boolean": _boolean,
    "ip": _ip,
    "binary": _binary,
    "date": _date,
}
KEY_TYPES: Final = tuple(kind + suffix for kind in _READERS for suffix in ("", "List"))
"""AWS's `ContextKeyTypeEnum`."""


def _wrong(path: str, message: str) -> IamError:
    problem = {"path": path, "message": message}
    return invalid("validation_failed", "the request is not valid", errors=[problem])
