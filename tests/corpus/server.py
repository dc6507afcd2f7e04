"""Judges behind the HTTP API of one running installation.

Each is made for a world: to add one is to add a line to the list in `test_server.py`.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from iam.authz.condition_keys import PREFIXES
from iam.authz.context import check_callers_context
from iam.authz.surroundings import is_assuming
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

NOT_CANONICAL: Final = "the API takes canonical names only"
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
        reasons = [undecidable(record) for record in cases]
        asked = [one for one, reason in zip(cases, reasons, strict=True) if reason is None]
        asker = await world.actor(allow("decisions:Evaluate"), name="gateway")
        async with world.work("main") as uow:
            questions = await _stored(uow, asked)
        answers = iter(await _decided(asker, questions))
        return [
            next(answers) if reason is None else Verdict(None, unasked=reason) for reason in reasons
        ]

    return judge


_REASONS: Final[dict[str, Callable[[Record], bool]]] = {
    "a refused document cannot be stored": lambda one: one["expected"] == ERROR,
    "guardrails bind a whole account": lambda one: bool(one["scps"] or one["rcps"]),
    "one policy stands at a resource": lambda one: (
        one["resource_policy"] is not None
        or (one["resource_policy_required"] and not is_assuming(one["action"]))
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
    NOT_CANONICAL: lambda one: not is_canonical(one),
}


def undecidable(record: Record) -> str | None:
    """Why a case cannot be put to `POST /v1/decisions`; `None` if it can."""
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


async def _stored(uow: UnitOfWork, records: Sequence[Record]) -> list[dict[str, Any]]:
    """Store principals with the cases' policies, as if the API had taken them.

    All of one kind at once, since what refers to others must come after them.
    """
    boundaries = [_boundary(uow, place, record) for place, record in enumerate(records)]
    await uow.flush()
    rows = []
    for record, boundary in zip(records, boundaries, strict=True):
        if boundary is not None:
            uow.add(_version(uow, boundary, record))
            uow.emit(EventType.POLICY_CREATED, boundary)
        rows.append(_principal(uow, record, None if boundary is None else boundary.id))
        uow.add(rows[-1])
    await uow.flush()
    for record, row in zip(records, rows, strict=True):
        for place, document in enumerate(record["identity_policies"]):
            uow.add(_inline(uow, row.id, place, document))
        uow.emit(EventType(f"iam.{row.kind}.created.v1"), row)
    return [_question(record, uow.arn(row)) for record, row in zip(records, rows, strict=True)]


def _new(uow: UnitOfWork) -> dict[str, Any]:
    return {"account": "main", "created_at": uow.now, "updated_at": uow.now}


def _boundary(uow: UnitOfWork, place: int, record: Record) -> Policy | None:
    if not record["permission_boundaries"]:
        return None
    row = Policy(id=new_id(IdKind.POLICY, uow.now), name=f"boundary-{place}", **_new(uow))
    uow.add(row)
    return row


def _version(uow: UnitOfWork, policy: Policy, record: Record) -> PolicyVersion:
    (document,) = record["permission_boundaries"]
    return PolicyVersion(
        policy_id=policy.id,
        number=1,
        account="main",
        document=json.dumps(document),
        created_at=uow.now,
    )


def _principal(uow: UnitOfWork, record: Record, boundary: str | None) -> Principal:
    if _kind(record) == "user":
        key = new_id(IdKind.USER, uow.now)
        return User(id=key, name=key, boundary_policy_id=boundary, **_new(uow))
    key = new_id(IdKind.ROLE, uow.now)
    return Role(id=key, name=key, boundary_policy_id=boundary, trust_policy="{}", **_new(uow))


def _inline(uow: UnitOfWork, owner: str, place: int, document: Record) -> InlinePolicy:
    return InlinePolicy(
        id=new_id(IdKind.POLICY, uow.now),
        name=f"policy-{place}",
        document=json.dumps(document),
        principal_id=owner,
        **_new(uow),
    )


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
