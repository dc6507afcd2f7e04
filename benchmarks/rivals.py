"""Other engines, asked the same: Cedar (in Rust, by `cedarpy`) and `vakt` (in Python).

Each gets its policies parsed and its entities built beforehand. Cedar's patterns know no variables
and its actions no wildcards, so what our policies say with `${iam:username}` and `svc:Get*` is said
there by comparing attributes, and by `like` on the action's name.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.workload import Question

# Not in the environment: vakt brings a top-level package called `tests`, which would hide ours.
DIRECTORY: Final = Path(__file__).resolve().parent.parent / ".bench"

Ask = Callable[[Question], bool]


def load_rivals() -> tuple[Any, Any]:
    """Import `cedarpy` and `vakt`. Raises `RuntimeError` when they are not installed."""
    if not DIRECTORY.is_dir():
        raise RuntimeError("the other engines are missing; `./dev bench engine` installs them")
    sys.path.append(str(DIRECTORY))
    try:
        import cedarpy
        import vakt
    finally:
        sys.path.remove(str(DIRECTORY))
    return cedarpy, vakt


_CEDAR = """
permit(principal, action, resource) when {
  context.action like "svcN:Get*" && context.arn like "arn:iam:svcN::main:invoice/*" };
permit(principal, action, resource) when {
  (context.action == "svcN:Put" || context.action == "svcN:List") &&
  context.arn like "arn:iam:svcN::main:home/*" && resource.owner == principal.name };
permit(principal, action, resource) when {
  context.action == "svcN:Tag" && context.arn like "arn:iam:svcN::main:thing/*" &&
  resource.team == principal.team };
permit(principal, action, resource) when {
  context.action == "svcN:Net" &&
  (context.arn like "arn:iam:svcN::main:a/*" || context.arn like "arn:iam:svcN::main:b/*" ||
   context.arn like "arn:iam:svcN::main:c/*") &&
  context.ip.isInRange(ip("10.0.0.0/8")) };
forbid(principal, action, resource) when {
  context.action like "svcN:Delete*" && !context.mfa };
"""


def cedar(cedarpy: Any, policies: int, questions: list[Question]) -> Ask:
    """Cedar with a policy set that is parsed already."""
    texts = [_CEDAR.replace("svcN", f"svc{number}") for number in range(policies)]
    parsed = cedarpy.PolicySet.from_str("".join(texts))
    requests = {question: _cedar_request(question) for question in questions}
    entities = {
        question: cedarpy.Entities.from_json_str(_cedar_entities(question))
        for question in questions
    }

    def ask(question: Question) -> bool:
        answer = cedarpy.is_authorized(requests[question], parsed, entities[question])
        return bool(answer.allowed)

    return ask


def _cedar_request(question: Question) -> dict[str, Any]:
    return {
        "principal": {"type": "User", "id": "alice"},
        "action": {"type": "Action", "id": "any"},
        "resource": {"type": "Thing", "id": question.arn},
        "context": {
            "action": question.action,
            "arn": question.arn,
            "ip": {"__extn": {"fn": "ip", "arg": "10.1.2.3"}},
            "mfa": False,
        },
    }


def _cedar_entities(question: Question) -> str:
    alice = {"name": "alice", "team": "red"}
    thing = {"owner": question.owner, "team": "red"}
    return json.dumps(
        [
            {"uid": {"type": "User", "id": "alice"}, "attrs": alice, "parents": []},
            {"uid": {"type": "Thing", "id": question.arn}, "attrs": thing, "parents": []},
        ]
    )


def vakt(module: Any, policies: int) -> Ask:
    """The guard of vakt, with its rules, over a storage in memory."""
    from vakt import rules

    storage = module.MemoryStorage()
    for number in range(policies):
        for place, policy in enumerate(_vakt_policies(module, rules, f"svc{number}")):
            storage.add(module.Policy(f"{number}-{place}", **policy))
    guard = module.Guard(storage, module.RulesChecker())

    def ask(question: Question) -> bool:
        inquiry = module.Inquiry(
            action=question.action,
            resource={"arn": question.arn, "owner": question.owner, "team": "red"},
            subject={"name": "alice", "team": "red"},
            context={"ip": "10.1.2.3", "mfa": False},
        )
        return bool(guard.is_allowed(inquiry))

    return ask


def _vakt_policies(module: Any, rules: Any, service: str) -> list[dict[str, Any]]:
    def named(kind: str) -> Any:
        return rules.StartsWith(f"arn:iam:{service}::main:{kind}/")

    allow = {"effect": module.ALLOW_ACCESS, "subjects": [{"name": rules.Any()}]}
    deny = allow | {"effect": module.DENY_ACCESS}
    return [
        allow
        | {
            "actions": [rules.StartsWith(f"{service}:Get")],
            "resources": [{"arn": named("invoice")}],
        },
        allow
        | {
            "actions": [rules.In(f"{service}:Put", f"{service}:List")],
            "resources": [{"arn": named("home"), "owner": rules.SubjectMatch("name")}],
        },
        allow
        | {
            "actions": [rules.Eq(f"{service}:Tag")],
            "resources": [{"arn": named("thing"), "team": rules.SubjectMatch("team")}],
        },
        allow
        | {
            "actions": [rules.Eq(f"{service}:Net")],
            "resources": [{"arn": named(kind)} for kind in "abc"],
            "context": {"ip": rules.CIDR("10.0.0.0/8")},
        },
        deny
        | {
            "actions": [rules.StartsWith(f"{service}:Delete")],
            "resources": [{"arn": rules.Any()}],
            "context": {"mfa": rules.Falsy()},
        },
    ]
