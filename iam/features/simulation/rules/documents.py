"""Reading the policy documents of a request. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

from iam.errors import invalid
from iam.features.guardrails.rules import FULL_ACCESS_DOCUMENT
from iam.features.simulation.rules.reading import wrong
from iam_policy import (
    CompiledPolicy,
    DocumentKind,
    Limits,
    PolicyError,
    PolicySet,
    build_set,
    compile_policy,
)

MAX_POLICIES: Final = 100
MAX_LEVELS: Final = 10
FULL_ACCESS: Final = "FullAccess"
"""The shipped guardrail, which a level of guardrails may have by its name."""

_AWS_NAME: Final = {
    "policy_input_list": "PolicyInputList",
    "permissions_boundary_policy_input_list": "PermissionsBoundaryPolicyInputList",
    "session_policy_input_list": "SessionPolicyInputList",
    "service_control_policy_input_list": "ServiceControlPolicyInputList",
    "resource_control_policy_input_list": "ResourceControlPolicyInputList",
}


class Documents:
    """Compiles the documents of a request, and keeps their texts by label.

    Each raises `IamError` of kind `invalid` with every defect of a document that is no policy.
    """

    def __init__(self, body: Mapping[str, Any], limits: Limits) -> None:
        self._body = body
        self._limits = limits
        self.texts: dict[str, str] = {}

    def listed(self, member: str, kind: DocumentKind) -> tuple[tuple[str, CompiledPolicy], ...]:
        """The documents of a list, labelled as AWS does: `PolicyInputList.1`."""
        found = _list(self._body.get(member), f"$.{member}", MAX_POLICIES, "documents")
        return self._read(found, _AWS_NAME[member], f"$.{member}", kind)

    def boundary(self) -> PolicySet | None:
        """The permissions boundary."""
        member = "permissions_boundary_policy_input_list"
        read = self.listed(member, DocumentKind.BOUNDARY)
        if len(read) > 1:
            raise wrong(f"$.{member}", "expected one document: a principal has one boundary")
        return build_set(read) if read else None

    def sessions(self) -> PolicySet | None:
        """The policies that the caller's session was made with."""
        read = self.listed("session_policy_input_list", DocumentKind.SESSION)
        return build_set(read) if read else None

    def levels(self, member: str, kind: DocumentKind) -> tuple[PolicySet, ...]:
        """The guardrails of each level; one without documents allows nothing."""
        levels = _list(self._body.get(member), f"$.{member}", MAX_LEVELS, "levels")
        found = []
        for place, level in enumerate(levels):
            path = f"$.{member}[{place}]"
            documents = _list(level, path, MAX_POLICIES, "documents")
            label = f"{_AWS_NAME[member]}.{place + 1}"
            found.append(build_set(self._read(documents, label, path, kind)))
        return tuple(found)

    def resource_policy(self, *, trusts: bool) -> PolicySet | None:
        """The policy of every resource."""
        text = self._body.get("resource_policy")
        if text is None:
            return None
        kind = DocumentKind.TRUST if trusts else DocumentKind.RESOURCE
        return build_set([self._compiled(text, "ResourcePolicy", "$.resource_policy", kind)])

    def _read(
        self, found: list[Any], label: str, path: str, kind: DocumentKind
    ) -> tuple[tuple[str, CompiledPolicy], ...]:
        return tuple(
            self._compiled(text, f"{label}.{place}", f"{path}[{place - 1}]", kind)
            for place, text in enumerate(found, start=1)
        )

    def _compiled(
        self, text: Any, label: str, path: str, kind: DocumentKind
    ) -> tuple[str, CompiledPolicy]:
        if text == FULL_ACCESS and kind in FULL_ACCESS_DOCUMENT:
            return text, compile_policy(json.dumps(FULL_ACCESS_DOCUMENT[kind]), kind)
        if not isinstance(text, str):
            raise wrong(path, "expected a policy document as text")
        try:
            compiled = compile_policy(text, kind, self._limits, imported=True)
        except PolicyError as error:
            problems = [
                {"path": f"{path}:{one.path}", "found": one.found, "expected": one.expected}
                for one in error.defects
            ]
            raise invalid("policy_invalid", f"`{label}` is no policy", errors=problems) from None
        self.texts[label] = text
        return label, compiled


def _list(found: Any, path: str, most: int, what: str) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > most:
        raise wrong(path, f"expected a list of at most {most} {what}")
    return found
