"""The judge behind `POST /v1/policies:simulate`: documents in the request, nothing stored."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx2

from iam.authz.condition_keys import PREFIXES
from iam.features.simulation.rules import ANONYMOUS
from iam.features.simulation.rules.callers import read_caller
from iam_policy.variables import scalar_text
from tests.corpus.judges import Judge, Verdict
from tests.corpus.records import ERROR, Record
from tests.corpus.server import NOT_CANONICAL, is_canonical
from tests.world import World, allow

# A request has at least one document; this one is silent about everything that cases ask.
_SILENT: Final = {"Statement": {"Effect": "Allow", "Action": "none:Nothing", "Resource": "*"}}
_MEMBERS: Final = {
    "policy_input_list": "identity_policies",
    "permissions_boundary_policy_input_list": "permission_boundaries",
    "session_policy_input_list": "session_policies",
    "service_control_policy_input_list": "scps",
    "resource_control_policy_input_list": "rcps",
    "resource_policy": "resource_policy",
}
"""Where each layer of a record stands in the request."""
_CLOCK: Final = {prefix + name for prefix in PREFIXES for name in ("currenttime", "epochtime")}


def through_simulation(world: World) -> Judge:
    """`POST /v1/policies:simulate`, one request a case."""

    async def judge(cases: Sequence[Record]) -> list[Verdict]:
        asker = await world.actor(allow("iam:SimulateCustomPolicy"), name="simulator")
        return [await _judged(asker.http, record) for record in cases]

    return judge


def unsimulated(record: Record) -> str | None:
    """Why a case cannot be simulated; `None` if it can."""
    return next((reason for reason, holds in _REASONS.items() if holds(record)), None)


async def _judged(http: httpx2.AsyncClient, record: Record) -> Verdict:
    reason = unsimulated(record)
    if reason not in {None, NOT_CANONICAL}:
        return Verdict(None, unasked=reason)
    answer = await http.post("/v1/policies:simulate", json=_body(record))
    if reason == NOT_CANONICAL:
        (problem,) = answer.json()["errors"]
        assert problem["path"] in {"$.action_names", "$.resource_arns"}, (record["id"], problem)
        return Verdict(None, unasked=reason)
    if answer.status_code in {400, 422}:
        problems = answer.json()["errors"]
        return Verdict(ERROR, error_at=_paths(problems) if "found" in problems[0] else None)
    assert answer.status_code == 200, (record["id"], answer.text)
    (found,) = answer.json()["evaluation_results"]
    return Verdict(found["eval_decision"], found["blocked_by"])


_REASONS: Final[dict[str, Callable[[Record], bool]]] = {
    "a principal has one boundary": lambda one: len(one["permission_boundaries"]) > 1,
    "a policy is required of roles only": lambda one: (
        one["resource_policy_required"] and one["action"] != "sts:AssumeRole"
    ),
    "a role's policy is simulated if it is there": lambda one: (
        one["resource_policy_required"] and one["resource_policy"] is None
    ),
    "the owner follows from the name": lambda one: (
        one["resource_account"] is not None
        and _named_owner(one) not in {"", one["resource_account"]}
    ),
    "the server tells who asks and when": lambda one: (
        one["expected"] != ERROR and _needs_silence(one) and not _may_be_nobody(one)
    ),
    "a condition key has a prefix": lambda one: not all(":" in key for key in one["context"]),
    NOT_CANONICAL: lambda one: not is_canonical(one) and one.get("error_at") != ["$.action"],
}


def _named_owner(record: Record) -> str:
    parts = record["resource_arn"].split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def _needs_silence(record: Record) -> bool:
    """Tell whether a case is about a key that it does not give, and that the server would."""
    text = json.dumps(record).lower()
    given = {key.lower().partition(":")[2] for key in record["context"]}
    told = {*read_caller(_caller(record), "$").context, *_CLOCK}
    return any(key in text and key.partition(":")[2] not in given for key in told)


def _may_be_nobody(record: Record) -> bool:
    """Tell whether a case may be put about nobody, of whom the server tells nothing.

    Nobody can be named, and is of the account that owns what the case is about.
    """
    is_about_time = any(key in json.dumps(record).lower() for key in _CLOCK)
    is_at_home = (
        _named_owner(record) in {"", "main"}
        and record["resource_account"] == record["principal_account"]
    )
    return record["resource_policy"] is None and is_at_home and not is_about_time


def _caller(record: Record) -> str:
    return record["principal_arn"] or ANONYMOUS


def _body(record: Record) -> dict[str, Any]:
    body: dict[str, Any] = {
        "policy_input_list": [_SILENT],
        "action_names": [record["action"]],
        "resource_arns": [record["resource_arn"]],
        "context_entries": [_entry(key, value) for key, value in record["context"].items()],
    }
    if record["expected"] == ERROR or not _needs_silence(record):
        body["caller_arn"] = _caller(record)
        body["caller_id"] = record.get("principal_id")
        if record["resource_account"] is not None:
            body["resource_owner"] = f"arn:iam:iam::{record['resource_account']}:root"
    body |= {member: record[layer] for member, layer in _MEMBERS.items() if record[layer]}
    return body | {member: _texts(body[member]) for member in _MEMBERS if member in body}


def _texts(found: Any) -> Any:
    """Documents as texts, in lists as they stand."""
    if isinstance(found, list):
        return [_texts(one) for one in found]
    return json.dumps(found, separators=(",", ":"))


def _entry(key: str, value: Any) -> dict[str, Any]:
    values = value if isinstance(value, list) else [value]
    return {
        "context_key_name": key,
        "context_key_type": "stringList" if isinstance(value, list) else "string",
        "context_key_values": [_value(one) for one in values],
    }


def _value(found: Any) -> Any:
    """A value as text; what is no value as it stands, to be refused."""
    return scalar_text(found) if isinstance(found, str | bool | int | float) else found


def _paths(problems: list[dict[str, str]]) -> tuple[str, ...]:
    """`$.policy_input_list[0]:$.Statement` is `$.identity_policies[0].Statement` of the record."""
    paths = []
    for problem in problems:
        place, _, within = problem["path"].partition(":$")
        member, bracket, index = place.removeprefix("$.").partition("[")
        paths.append(f"$.{_MEMBERS[member]}{bracket}{index}{within}")
    return tuple(sorted(paths))
