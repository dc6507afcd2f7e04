"""Reading the condition keys of a request, with AWS's types. Pure."""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Any, Final

from iam.features.simulation.rules.reading import MAX_TEXT, wrong

MAX_ENTRIES: Final = 100
MAX_VALUES: Final = 100


def read_context(entries: Any) -> dict[str, Any]:
    """Condition keys and values. One under `aws:` or `iam:` is meant under both."""
    if entries is None:
        return {}
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise wrong("$.context_entries", f"expected a list of at most {MAX_ENTRIES} entries")
    found: dict[str, Any] = {}
    for place, entry in enumerate(entries):
        key, value = _entry(entry, f"$.context_entries[{place}]")
        if key in found:
            raise wrong(f"$.context_entries[{place}]", "expected each key once, in any case")
        found[key] = value
    twins = {_twin(key): value for key, value in found.items() if _twin(key) not in found}
    return {**twins, **found}


def _twin(key: str) -> str:
    prefix, colon, name = key.partition(":")
    return {"aws": "iam", "iam": "aws"}.get(prefix, prefix) + colon + name


_ENTRY: Final = {"context_key_name", "context_key_type", "context_key_values"}


def _entry(entry: Any, path: str) -> tuple[str, Any]:
    if not isinstance(entry, dict) or entry.keys() != _ENTRY:
        raise wrong(path, f"expected an object with {', '.join(sorted(_ENTRY))}")
    name, kind, values = (entry[member] for member in sorted(_ENTRY))
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT or ":" not in name:
        raise wrong(f"{path}.context_key_name", "expected a key, such as `aws:SourceIp`")
    if not isinstance(kind, str) or kind not in KEY_TYPES:
        raise wrong(f"{path}.context_key_type", f"expected one of {', '.join(KEY_TYPES)}")
    if (
        not isinstance(values, list)
        or len(values) > MAX_VALUES
        or not all(isinstance(value, str) for value in values)
    ):
        message = f"expected a list of at most {MAX_VALUES} texts"
        raise wrong(f"{path}.context_key_values", message)
    return name.lower(), _values(kind, values, f"{path}.context_key_values")


def _values(kind: str, values: Sequence[str], path: str) -> Any:
    single = kind.removesuffix("List")
    try:
        found = [_READERS[single](value) for value in values]
    except (ValueError, InvalidOperation):
        raise wrong(path, f"expected values that are of type {single}") from None
    if kind != single:
        return found
    if len(found) != 1:
        raise wrong(path, f"expected one value; for several the type is {single}List")
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
