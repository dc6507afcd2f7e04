"""When two policy documents say the same: written otherwise, they need no new version.

The order of statements and values, one value or a list of it, the case of actions, `AWS` for `IAM`,
and an account as its name or as its root ARN make no difference. `Version` does, and so does a
`Sid`: people find statements by it.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

_ACTIONS: Final = frozenset({"Action", "NotAction"})
_RESOURCES: Final = frozenset({"Resource", "NotResource"})
_PRINCIPALS: Final = frozenset({"Principal", "NotPrincipal"})


def meaning(document: Mapping[str, Any], *, partition: str) -> str:
    """A text that is the same for all valid documents that say the same."""
    given = document.get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    canonical = {
        **document,
        "Statement": sorted((_statement(one, partition) for one in statements), key=_text),
    }
    return _text(canonical)


def _statement(statement: Mapping[str, Any], partition: str) -> dict[str, Any]:
    return {name: _element(name, value, partition) for name, value in statement.items()}


def _element(name: str, value: Any, partition: str) -> Any:
    if name in _ACTIONS:
        return _values(value, str.lower)
    if name in _RESOURCES:
        return _values(value)
    if name in _PRINCIPALS:
        return _principals(value, partition)
    if name == "Condition" and isinstance(value, Mapping):
        return {
            operator: {key.lower(): _values(values) for key, values in keys.items()}
            for operator, keys in value.items()
        }
    return value


def _principals(value: Any, partition: str) -> Any:
    if value == "*":
        return {"IAM": ["*"]}
    found: dict[str, set[str]] = {}
    for kind, values in value.items():
        is_ours = kind in {"IAM", "AWS"}
        named = [_account(one, partition) if is_ours else one for one in _values(values)]
        found.setdefault("IAM" if is_ours else kind, set()).update(named)
    return {kind: sorted(values) for kind, values in found.items()}


def _account(value: str, partition: str) -> str:
    is_name = ":" not in value and "_" not in value and value != "*"
    return f"arn:{partition}:iam::{value}:root" if is_name else value


def _values(value: Any, change: Any = str) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return sorted({change(_plain(one)) for one in several})


def _plain(value: Any) -> str:
    """A value as conditions compare it: `true` and `"true"` are one."""
    return value if isinstance(value, str) else json.dumps(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
