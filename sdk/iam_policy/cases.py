"""Policy cases: one request, the policies around it, and the decision that is expected.

A case is a JSON object, usually one line of a file; ``docs/policy-test.md`` describes its members.
The same reader serves ``iam policy test``, the corpora of this product, and anybody's own tests::

    with open("cases.jsonl", "rb") as lines:
        for answer in answers(lines):
            assert answer.get("ok"), answer
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal

from iam_policy import (
    CompiledPolicy,
    Decision,
    Defect,
    DocumentKind,
    Effect,
    JsonError,
    JsonLimits,
    Layers,
    PolicyError,
    PolicySet,
    Principal,
    Request,
    build_set,
    compile_policy,
    evaluate,
    parse_json,
)
from iam_policy.defects import shown, shown_member
from iam_policy.names import SEGMENTS

_LIMITS: Final = JsonLimits(max_bytes=4 << 20, max_total=100_000)
ERROR: Final = "error"
"""What a case expects that is to be refused: a document with defects, or an impossible request."""
_MEMBERS: Final = (
    "id",
    "principal_arn",
    "principal_account",
    "principal_id",
    "action",
    "resource_arn",
    "resource_account",
    "context",
    "identity_policies",
    "permission_boundaries",
    "session_policies",
    "resource_policy",
    "resource_policy_required",
    "scps",
    "rcps",
    "expected",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to be decided.

    Attributes:
        id: Its name.
        request: What is asked.
        layers: The policies around it; a policy's label is its place in the record, ``scps[0][1]``.
        expected: The decision that is expected, or that there is none; None if nothing is.
    """

    id: str
    request: Request
    layers: Layers
    expected: Effect | Literal["error"] | None


class CaseError(ValueError):
    """A record is no case.

    Attributes:
        defects: Everything that is wrong with it.
        is_slip: The record itself is miswritten, which no case expects.
    """

    def __init__(self, defects: tuple[Defect, ...], *, is_slip: bool = False) -> None:
        super().__init__("; ".join(map(str, defects)))
        self.defects = defects
        self.is_slip = is_slip


def read_case(record: object) -> Case:
    """Read one record.

    Raises:
        CaseError: all defects at once, those of the policies included, each with its JSON path.
    """
    return _CaseReader().read(record)


def answer(case: Case, decision: Decision) -> dict[str, object]:
    """Write what was decided, and whether that was expected, as one JSON object."""
    is_explicit = decision.effect is Effect.EXPLICIT_DENY
    return {
        "id": case.id,
        "decision": str(decision.effect),
        "blocked_by": None if is_explicit or not decision.blocked_by else str(decision.blocked_by),
        "matched": [
            {
                "layer": str(match.layer),
                "policy": match.policy,
                "statement": match.statement,
                "sid": match.sid,
                "effect": match.effect,
            }
            for match in decision.matched
        ],
        "expected": None if case.expected is None else str(case.expected),
        "ok": None if case.expected is None else decision.effect == case.expected,
    }


def answers(lines: Iterable[str | bytes]) -> Iterator[dict[str, object]]:
    """Decide the cases of a text, one JSON object a line; never raises for what a line says.

    A line that is no case is answered with ``{"id": ..., "error": ...}``, where the id is
    ``line N`` if it cannot be read; and as expected, if it expects an ``error``. Empty lines are
    passed over.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name: object = f"line {number}"
        record: object = None
        try:
            record = parse_json(line.strip(), _LIMITS)
            name = record.get("id", name) if isinstance(record, dict) else name
            case = read_case(record)
        except (JsonError, CaseError) as error:
            yield {"id": name, "error": str(error), **_as_expected(record, error)}
        else:
            yield answer(case, evaluate(case.request, case.layers))


def _as_expected(record: object, error: Exception) -> dict[str, object]:
    """Say that a case was to be refused; a slip in the record itself is never what was meant."""
    if not isinstance(record, dict) or not isinstance(error, CaseError) or error.is_slip:
        return {}
    return {"expected": ERROR, "ok": True} if record.get("expected") == ERROR else {}


class _CaseReader:
    def __init__(self) -> None:
        self._defects: list[Defect] = []
        self._is_slip = False

    def read(self, record: object) -> Case:
        if not isinstance(record, dict):
            self._report("$", record, "an object")
            raise CaseError(tuple(self._defects))
        self._refuse_misspelt(record)
        case = Case(
            id=self._text(record, "id") or "",
            request=self._request(record),
            layers=self._layers(record),
            expected=self._expected(record),
        )
        if self._defects:
            raise CaseError(tuple(self._defects), is_slip=self._is_slip)
        return case

    def _report(self, path: str, found: object, expected: str) -> None:
        self._defects.append(Defect(path, shown(found), expected))

    def _refuse_misspelt(self, record: Mapping[str, Any]) -> None:
        """Refuse a name much like one of ours; other members are remarks of the case's author."""
        for name in record.keys() - set(_MEMBERS):
            if similar := get_close_matches(name, _MEMBERS, n=1, cutoff=0.85):
                self._defects.append(Defect(f"$.{name}", "this member", f"`{similar[0]}`"))
                self._is_slip = True

    def _request(self, record: Mapping[str, Any]) -> Request:
        arn = self._text(record, "principal_arn", may_be_null=True)
        account = self._text(record, "principal_account", may_be_null=True, default=_account(arn))
        action = self._text(record, "action") or ""
        if action and ":" not in action:
            self._report("$.action", action, "service:Action")
        return Request(
            Principal(arn, account, self._text(record, "principal_id", default=None)),
            action,
            self._text(record, "resource_arn") or "",
            self._context(record),
            self._text(record, "resource_account", may_be_null=True, default=None),
        )

    def _text(
        self,
        record: Mapping[str, Any],
        name: str,
        *,
        may_be_null: bool = False,
        default: str | None = "",
    ) -> str | None:
        """Return a text; the default ``""`` means that there must be one, unless null will do."""
        value = record.get(name)
        is_absent = name not in record and default != ""
        if is_absent or (name in record and value is None and may_be_null):
            return default if is_absent else None
        if isinstance(value, str) and value:
            return value
        self._report(f"$.{name}", value, "a text, or null" if may_be_null else "a text")
        return None

    def _context(self, record: Mapping[str, Any]) -> dict[str, Any]:
        context = record.get("context", {})
        if not isinstance(context, dict):
            self._report("$.context", context, "an object of condition keys")
            return {}
        if len({key.lower() for key in context}) != len(context):
            self._report("$.context", context, "keys that differ in more than case")
        for key, value in context.items():
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, str | bool | int | float):
                    expected = "a text, a number, true or false, or a list of them"
                    self._report(f"$.context{shown_member(key)}", one, expected)
        return context

    def _expected(self, record: Mapping[str, Any]) -> Effect | Literal["error"] | None:
        expected = record.get("expected")
        if expected is None or expected == ERROR:
            return ERROR if expected else None
        if expected in set(Effect):
            return Effect(expected)
        self._report("$.expected", expected, "one of " + ", ".join((*Effect, ERROR)))
        return None

    def _layers(self, record: Mapping[str, Any]) -> Layers:
        boundaries = self._set(record, "permission_boundaries", DocumentKind.BOUNDARY)
        sessions = self._set(record, "session_policies", DocumentKind.SESSION)
        required = record.get("resource_policy_required", False)
        if not isinstance(required, bool):
            self._report("$.resource_policy_required", required, "true or false")
        return Layers(
            identity=self._set(record, "identity_policies", DocumentKind.IDENTITY),
            boundary=boundaries if boundaries.policies else None,
            sessions=sessions if sessions.policies else None,
            resource=self._resource(record.get("resource_policy"), is_required=required is True),
            scps=self._levels(record, "scps", DocumentKind.SCP),
            rcps=self._levels(record, "rcps", DocumentKind.RCP),
            resource_policy_required=required is True,
        )

    def _resource(self, document: object, *, is_required: bool) -> PolicySet | None:
        if document is None:
            return None
        # A key's policy is required as a role's is, but says which resources it is about.
        is_trust = is_required and not _names_resources(document)
        kind = DocumentKind.TRUST if is_trust else DocumentKind.RESOURCE
        return self._built([document], "resource_policy", kind, has_index=False)

    def _set(self, record: Mapping[str, Any], name: str, kind: DocumentKind) -> PolicySet:
        return self._built(self._list(record.get(name), name), name, kind)

    def _levels(
        self, record: Mapping[str, Any], name: str, kind: DocumentKind
    ) -> tuple[PolicySet, ...]:
        levels = self._list(record.get(name), name)
        return tuple(
            self._built(self._list(level, f"{name}[{place}]"), f"{name}[{place}]", kind)
            for place, level in enumerate(levels)
        )

    def _list(self, found: object, name: str) -> list[object]:
        if isinstance(found, list) or found is None:
            return found or []
        self._report(f"$.{name}", found, "a list")
        return []

    def _built(
        self, documents: list[object], name: str, kind: DocumentKind, *, has_index: bool = True
    ) -> PolicySet:
        labelled: list[tuple[str, CompiledPolicy]] = []
        for place, document in enumerate(documents):
            label = f"{name}[{place}]" if has_index else name
            text = json.dumps(document, separators=(",", ":"))
            try:
                labelled.append((label, compile_policy(text, kind, imported=True)))
            except PolicyError as error:
                self._defects += [
                    Defect(f"$.{label}{defect.path[1:]}", defect.found, defect.expected)
                    for defect in error.defects
                ]
        return build_set(labelled)


def _account(arn: str | None) -> str | None:
    parts = (arn or "").split(":", SEGMENTS - 1)
    return parts[4] or None if len(parts) == SEGMENTS else None


def _names_resources(document: object) -> bool:
    found = document.get("Statement") if isinstance(document, dict) else None
    statements = found if isinstance(found, list) else [found]
    return any(
        isinstance(one, dict) and not one.keys().isdisjoint({"Resource", "NotResource"})
        for one in statements
    )
