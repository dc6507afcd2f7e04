"""Reading a simulation: what is asked, about which documents. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from iam.authz.questions import is_action, resource_defect
from iam.authz.surroundings import is_assuming
from iam.features.simulation.rules.callers import (
    ANONYMOUS,
    Caller,
    is_named,
    read_caller,
    read_id,
    read_owner,
    read_stored,
)
from iam.features.simulation.rules.context_entries import KEY_TYPES, MAX_ENTRIES, read_context
from iam.features.simulation.rules.documents import (
    FULL_ACCESS,
    MAX_LEVELS,
    MAX_POLICIES,
    Documents,
)
from iam.features.simulation.rules.reading import flag, number, text, texts, wrong
from iam_policy import CompiledPolicy, DocumentKind, Limits, PolicySet

__all__ = [
    "ANONYMOUS", "DEFAULT_ITEMS", "FULL_ACCESS", "KEY_TYPES", "MAX_ENTRIES", "MAX_ITEMS",
    "MAX_LEVELS", "MAX_PAIRS", "MAX_POLICIES", "MEMBERS", "Caller", "Simulation",
    "parse_simulation",
]  # fmt: skip

MAX_PAIRS: Final = 1_000
"""Actions times resources of one request."""
MAX_ITEMS: Final = 1_000
DEFAULT_ITEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Simulation:
    """One request.

    Attributes:
        source: The ARN of the stored principal; `None` for a simulation of documents alone.
        caller: Who calls, if that is said.
        policies: Identity policies of the request, labelled as AWS does.
        boundary: The permissions boundary of the request.
        sessions: The session policies of the request.
        scps: Guardrails of the request for the caller, one set a level.
        rcps: Guardrails of the request for the resource, one set a level.
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
    sessions: PolicySet | None
    scps: tuple[PolicySet, ...]
    rcps: tuple[PolicySet, ...]
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
    "session_policy_input_list", "service_control_policy_input_list",
    "resource_control_policy_input_list", "action_names", "resource_arns", "resource_policy",
    "resource_owner", "caller_arn", "caller_id", "context_entries", "max_items", "marker",
    "explain",
})  # fmt: skip


def parse_simulation(body: Any, limits: Limits) -> Simulation:
    """Read a request; its documents may cost as much as those that are stored.

    Raises `IamError` of kind `invalid` that says what is wrong and where; with every defect of a
    document that is no policy.
    """
    if not isinstance(body, dict) or not body.keys() <= MEMBERS:
        raise wrong("$", f"expected an object with members out of {', '.join(sorted(MEMBERS))}")
    documents = Documents(body, limits)
    actions = texts(body, "action_names", _action, least=1, most=MAX_PAIRS)
    resources = texts(body, "resource_arns", _resource, most=MAX_PAIRS)
    source = text(body, "policy_source_arn", read_stored)
    caller = text(body, "caller_arn", read_caller) or source
    _check_whole(body, len(actions) * len(resources or "*"))
    return Simulation(
        source=source.arn if source else None,
        caller=_identified(caller, body),
        policies=documents.listed("policy_input_list", DocumentKind.IDENTITY),
        boundary=documents.boundary(),
        sessions=documents.sessions(),
        scps=documents.levels("service_control_policy_input_list", DocumentKind.SCP),
        rcps=documents.levels("resource_control_policy_input_list", DocumentKind.RCP),
        resource_policy=documents.resource_policy(trusts=all(map(is_assuming, actions))),
        texts=documents.texts,
        actions=actions,
        resources=resources or ("*",),
        names_resources=bool(resources),
        owner=text(body, "resource_owner", read_owner),
        context=read_context(body.get("context_entries")),
        explains=flag(body, "explain"),
        max_items=number(body, "max_items", default=DEFAULT_ITEMS, most=MAX_ITEMS),
        marker=text(body, "marker", lambda marker, _: marker),
    )


def _check_whole(body: Mapping[str, Any], pairs: int) -> None:
    if not any(body.get(member) for member in _SUBJECTS):
        raise wrong("$", "expected one or more of " + ", ".join(f"`{one}`" for one in _SUBJECTS))
    if body.get("resource_policy") is not None and not is_named(body):
        raise wrong("$.caller_arn", "expected who calls, for the resource policy to name")
    if pairs > MAX_PAIRS:
        message = f"expected at most {MAX_PAIRS} actions times resources, found {pairs}"
        raise wrong("$.resource_arns", message)


_SUBJECTS: Final = ("policy_source_arn", "policy_input_list", "resource_policy")
"""What a simulation may be about; the caller's limits alone allow nothing."""


def _identified(caller: Caller | None, body: Mapping[str, Any]) -> Caller | None:
    own = text(body, "caller_id", read_id)
    if own is None:
        return caller
    if body.get("caller_arn") is None or caller is None:
        raise wrong("$.caller_arn", "expected whose id that is")
    return replace(caller, id=own)


def _action(name: str, path: str) -> str:
    if not is_action(name):
        raise wrong(path, "expected `service:VerbNoun`")
    return name


def _resource(name: str, path: str) -> str:
    defect = resource_defect(name)
    if defect is not None:
        raise wrong(path, defect)
    return name
