"""Judges behind the HTTP API of one running installation.

Each is made for a world: to add one is to add a line to the list in `test_server.py`.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from iam.authz.condition_keys import PREFIXES
from iam.authz.context import check_callers_context
from iam.errors import IamError
from iam.features.decisions.rules import parse_evaluations
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import InlinePolicy, Policy, PolicyVersion, Principal, Role, User
from iam.work import UnitOfWork
from iam_policy import Limits
from tests.corpus.judges import Judge, Verdict
from tests.corpus.records import ERROR, Record
from tests.world import Actor, World, allow

_BATCH: Final = 100
# What the server itself says about every caller, whatever a case would have it be.
_SAID: Final = tuple(
    prefix + name
    for prefix in PREFIXES
    for name in ("principal", "userid", "username", "currenttime", "epochtime")
)


def through_decisions(world: World) -> Judge:
    """`POST /v1/decisions`, about principals whose policies are stored."""

    async def judge(cases: Sequence[Record]) -> list[Verdict]:
        reasons = [_unaskable(record) for record in cases]
        asked = [one for one, reason in zip(cases, reasons, strict=True) if reason is None]
        asker = await world.actor(allow("decisions:Evaluate"), name="gateway")
        async with world.work("main") as uow:
            questions = [await _stored(uow, record) for record in asked]
        answers = iter(await _decided(asker, questions))
        return [
            next(answers) if reason is None else Verdict(None, unasked=reason) for reason in reasons
        ]

    return judge


_REASONS: Final[dict[str, Callable[[Record], bool]]] = {
    "a refused document cannot be stored": lambda one: one["expected"] == ERROR,
    "guardrails bind a whole account": lambda one: bool(one["scps"] or one["rcps"]),
    "one policy stands at a resource": lambda one: (
        one["resource_policy"] is not None or one["resource_policy_required"]
    ),
    "the caller is no user or session of a role of this installation": lambda one: (
        one["principal_account"] != "main" or not _kind(one)
    ),
    "somebody for whom an application acts needs a token": lambda one: (
        _kind(one) == "user" and bool(one["session_policies"])
    ),
    "a session has one policy, a principal one boundary": lambda one: (
        len(one["session_policies"]) > 1 or len(one["permission_boundaries"]) > 1
    ),
    "the owner follows from the name": lambda one: (
        one["resource_account"] not in {None, _owner(one["resource_arn"])}
    ),
    "the server says who asks and when": lambda one: (
        _is_reserved(one["context"]) or any(key in json.dumps(one).lower() for key in _SAID)
    ),
    "the API takes canonical names only": lambda one: not is_canonical(one),
}


def _unaskable(record: Record) -> str | None:
    return next((reason for reason, holds in _REASONS.items() if holds(record)), None)


def _kind(record: Record) -> str:
    arn = record["principal_arn"] or ""
    return "user" if ":user/" in arn else "session" if ":assumed-role/" in arn else ""


def _owner(resource: str) -> str:
    parts = resource.split(":", 5)
    return (parts[4] if len(parts) > 5 else "") or "main"


def _is_reserved(context: Record) -> bool:
    try:
        check_callers_context(context)
    except IamError:
        return True
    return False


def is_canonical(record: Record) -> bool:
    """Tell whether the API takes the action and the resource of a case."""
    names = {"action": record["action"], "resource": record["resource_arn"]}
    question = names | {"principal": "arn:iam:iam::main:user/x"}
    try:
        parse_evaluations({"evaluations": [question]}, maximum=1, limits=Limits())
    except IamError:
        return False
    return True


def _question(record: Record, arn: str) -> dict[str, Any]:
    question: dict[str, Any] = {
        "action": record["action"],
        "resource": record["resource_arn"],
        "context": record["context"],
    }
    if _kind(record) == "user":
        return question | {"principal": arn}
    name = record["principal_arn"].rsplit("/", 1)[1]
    session = {"role": arn, "name": name}
    for document in record["session_policies"]:
        session["policy"] = json.dumps(document)
    return question | {"session": session}


async def _stored(uow: UnitOfWork, record: Record) -> dict[str, Any]:
    """Store a principal with the case's policies, as if the API had taken them."""
    new: dict[str, Any] = {"account": "main", "created_at": uow.now, "updated_at": uow.now}
    key = new_id(IdKind.USER, uow.now)
    boundary = None
    for document in record["permission_boundaries"]:
        boundary = await _stored_boundary(uow, f"boundary-{key}", document)
    if _kind(record) == "user":
        row: Principal = User(id=key, name=key, boundary_policy_id=boundary, **new)
    else:
        key = new_id(IdKind.ROLE, uow.now)
        row = Role(id=key, name=key, boundary_policy_id=boundary, trust_policy="{}", **new)
    uow.add(row)
    await uow.flush()
    for place, document in enumerate(record["identity_policies"]):
        own = new_id(IdKind.POLICY, uow.now)
        text = json.dumps(document)
        uow.add(
            InlinePolicy(id=own, name=f"policy-{place}", document=text, principal_id=key, **new)
        )
    uow.emit(EventType(f"iam.{row.kind}.created.v1"), row)
    return _question(record, uow.arn(row))


async def _stored_boundary(uow: UnitOfWork, name: str, document: Record) -> str:
    row = Policy(
        id=new_id(IdKind.POLICY, uow.now),
        account="main",
        name=name,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(row)
    await uow.flush()
    uow.add(
        PolicyVersion(
            policy_id=row.id,
            number=1,
            account="main",
            document=json.dumps(document),
            created_at=uow.now,
        )
    )
    uow.emit(EventType.POLICY_CREATED, row)
    return row.id


async def _decided(asker: Actor, questions: list[dict[str, Any]]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for start in range(0, len(questions), _BATCH):
        body = {"evaluations": questions[start : start + _BATCH]}
        answer = await asker.http.post("/v1/decisions", json=body)
        assert answer.status_code == 200, answer.text
        for found in answer.json()["decisions"]:
            assert not found["findings"], found
            assert not found["error"], found
            verdicts.append(Verdict(found["decision"], found["blocked_by"]))
    return verdicts
