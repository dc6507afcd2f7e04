"""The judge behind `POST /v1/policies:simulate`: documents in the request, nothing stored."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx2

from iam.authz.condition_keys import PREFIXES
from iam_policy.variables import scalar_text
from tests.corpus.judges import Judge, Verdict
from tests.corpus.records import ERROR, Record
from tests.corpus.server import is_canonical
from tests.world import World, allow

_CALLER: Final = re.compile(r"arn:[a-z]+:iam::[a-z0-9-]+:(user|service|role)/.+")
# What the server tells of every caller and of the time, unless the request does.
_TOLD: Final = ("principalarn", "principalaccount", "principaltype", "username", "currenttime")
# A request has at least one document; this one is silent about everything that cases ask.
_SILENT: Final = {"Statement": {"Effect": "Allow", "Action": "none:Nothing", "Resource": "*"}}
_MEMBERS: Final = {
    "policy_input_list": "identity_policies",
    "permissions_boundary_policy_input_list": "permission_boundaries",
    "resource_policy": "resource_policy",
}


def through_simulation(world: World) -> Judge:
    """`POST /v1/policies:simulate`, one request a case."""

    async def judge(cases: Sequence[Record]) -> list[Verdict]:
        asker = await world.actor(allow("iam:SimulateCustomPolicy"), name="simulator")
        return [await _judged(asker.http, record) for record in cases]

    return judge


async def _judged(http: httpx2.AsyncClient, record: Record) -> Verdict:
    reason = next((reason for reason, holds in _REASONS.items() if holds(record)), None)
    if reason is not None:
        return Verdict(None, unasked=reason)
    answer = await http.post("/v1/policies:simulate", json=_body(record))
    if answer.status_code in {400, 422}:
        problems = answer.json()["errors"]
        return Verdict(ERROR, error_at=_paths(problems) if "found" in problems[0] else None)
    assert answer.status_code == 200, (record["id"], answer.text)
    (found,) = answer.json()["evaluation_results"]
    return Verdict(found["eval_decision"], found["blocked_by"])


_REASONS: Final[dict[str, Callable[[Record], bool]]] = {
    "guardrails are those that are stored": lambda one: bool(one["scps"] or one["rcps"]),
    "the caller is a user, a service or a role": lambda one: (
        bool(one["session_policies"]) or not _CALLER.fullmatch(one["principal_arn"] or "")
    ),
    "a principal's id is stored": lambda one: "principal_id" in one,
    "a principal has one boundary": lambda one: len(one["permission_boundaries"]) > 1,
    "a policy is required of roles only, and simulated if it is there": lambda one: (
        one["resource_policy_required"]
        and (one["action"] != "sts:AssumeRole" or one["resource_policy"] is None)
    ),
    "the owner follows from the name": lambda one: (
        one["resource_account"] is not None
        and _named_owner(one) not in {"", one["resource_account"]}
    ),
    "the server tells who asks and when": lambda one: bool(_asked_keys(one) - _given_keys(one)),
    "a context value is a text or a list of texts": lambda one: (
        one["expected"] == ERROR and one["error_at"][0].startswith("$.context[")
    ),
    "a condition key has a prefix": lambda one: not all(":" in key for key in one["context"]),
    "the API takes canonical names only": lambda one: (
        not is_canonical(one) and one.get("error_at") != ["$.action"]
    ),
}


def _named_owner(record: Record) -> str:
    parts = record["resource_arn"].split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def _asked_keys(record: Record) -> set[str]:
    text = json.dumps(record).lower()
    return {name for name in _TOLD for prefix in PREFIXES if prefix + name in text}


def _given_keys(record: Record) -> set[str]:
    return {key.lower().partition(":")[2] for key in record["context"]}


def _body(record: Record) -> dict[str, Any]:
    body: dict[str, Any] = {
        "policy_input_list": [json.dumps(one) for one in record["identity_policies"] or [_SILENT]],
        "action_names": [record["action"]],
        "resource_arns": [record["resource_arn"]],
        "caller_arn": record["principal_arn"],
        "context_entries": [_entry(key, value) for key, value in record["context"].items()],
    }
    if record["resource_account"] is not None:
        body["resource_owner"] = f"arn:iam:iam::{record['resource_account']}:root"
    if record["permission_boundaries"]:
        member = "permissions_boundary_policy_input_list"
        body[member] = [json.dumps(one) for one in record["permission_boundaries"]]
    if record["resource_policy"] is not None:
        body["resource_policy"] = json.dumps(record["resource_policy"])
    return body


def _entry(key: str, value: Any) -> dict[str, Any]:
    values = value if isinstance(value, list) else [value]
    return {
        "context_key_name": key,
        "context_key_type": "stringList" if isinstance(value, list) else "string",
        "context_key_values": [scalar_text(one) for one in values],
    }


def _paths(problems: list[dict[str, str]]) -> tuple[str, ...]:
    """`$.policy_input_list[0]:$.Statement` is `$.identity_policies[0].Statement` of the record."""
    paths = []
    for problem in problems:
        place, _, within = problem["path"].partition(":$")
        member, bracket, index = place.removeprefix("$.").partition("[")
        paths.append(f"$.{_MEMBERS[member]}{bracket}{index}{within}")
    return tuple(sorted(paths))
