"""AL-05, AL-06: whatever changes something leaves one event, and the event tells who did it.

The routes are taken from the OpenAPI document, so a new one is under this test from its first day.
"""

import json
import os

import pytest

from iam.journal.chains import SealTools, seal_next
from iam.models import MAIN_ACCOUNT, AuditEntry
from tests.iam.journal.sealed_logs import ISSUER, SIGNER
from tests.iam.test_catalogue import (
    ANY_VERSION,
    BODIES,
    HOLDERS,
    TRUST,
    Operation,
    described,
    furnish,
)
from tests.world import Actor, World

pytestmark = pytest.mark.anyio

ASKING = {"Evaluate", "PlanConfiguration", "PreviewMailTemplate", "SimulateCustomPolicy"}
"""They are posted only because what they ask does not fit into an address."""

OF_NO_ROW = {"EraseAuditPrincipal", "SendTestMail"}
"""What they do changes nothing that is audited; the event tells it in its detail."""

FOLLOWING = {
    "ApplyConfiguration": {"iam.configuration.applied.v1"},
    "CreateAccount": {"iam.guardrail.attached.v1"},
    "TaintSigningKey": {"iam.signing_key.activated.v1"},
}
"""What else a change brings about, each to a thing of its own."""

SPOOFED = {
    "X-User": "arn:iam:iam::main:user/mallory",
    "X-Forwarded-User": "mallory",
    "X-Actor": "mallory",
    "From": "mallory@evil.example",
    "X-Forwarded-For": "203.0.113.7",
    "Forwarded": "for=203.0.113.7",
}


TOP = "/v1/users/{user}".count("/")
TAKEN_AWAY, CHANGED, DELETED, LAST = range(4)


def turn(operation: Operation) -> int:
    """When to call an operation, so that it has something to change."""
    if operation.name == "TaintSigningKey":
        return LAST  # it ends the token of who asks
    if operation.method != "DELETE":
        return CHANGED
    # What is put into its place is taken away first, and so is what hangs on something else.
    is_put_again = "-policies/" in operation.path or operation.path.endswith(("/tags", "boundary"))
    is_put_again |= operation.path.startswith(("/v1/action-catalogues", "/v1/resource-policies"))
    is_put_again |= operation.path.startswith(("/v1/guardrails", "/v1/groups/{group}/members"))
    if is_put_again:
        return TAKEN_AWAY
    return DELETED if operation.path.count("/") == TOP else CHANGED


def depth(operation: Operation) -> int:
    """Sorts the deepest of what is taken away first: a guardrail is detached before it goes."""
    return -operation.path.count("/") if operation.method == "DELETE" else 0


async def written_by(world: World, request_id: str) -> list[AuditEntry]:
    """What the logs of all accounts have of one request."""
    entries = [*await world.events(), *await world.events(account="acme")]
    return [entry for entry in entries if entry.request_id == request_id]


async def erasable(world: World, admin: Actor) -> str:
    """The id of a user who is deleted, and of whom all that is told is sealed."""
    made = await admin.http.post("/v1/users", json={"name": "gone"})
    await admin.http.delete("/v1/users/gone", headers=ANY_VERSION)
    # With a key that is in no table: rotation would tell of that one as well.
    tools = SealTools(
        issuer=ISSUER, signer=SIGNER, job="arn:iam:iam::main:job/test", randomness=os.urandom
    )
    async with world.work() as uow:
        is_sqlite = world.runtime.database.is_sqlite
        await seal_next(uow, tools, limit=1_000, now=uow.now, is_sqlite=is_sqlite)
    return str(made.json()["id"])


async def test_al_05_al_06_every_change_is_one_event_of_who_really_made_it(
    world: World, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = await furnish(world, admin)
    gone = {"principal": await erasable(world, admin)}
    monkeypatch.setitem(BODIES, "ErasureIn", gone)
    other = json.dumps({"trust_policy": TRUST}).replace("user/alice", "service/billing")
    path, sent_as = "/v1/roles/deploy/trust-policy", {"Content-Type": "application/json"}
    changed = await admin.http.put(path, content=other, headers={**ANY_VERSION, **sent_as})
    assert changed.status_code == 200, changed.text
    attached = await admin.http.put("/v1/groups/staff/attached-policies/reader")
    assert attached.status_code == 200, attached.text
    await world.account("retired")
    suspended = await admin.http.post("/v1/accounts/retired:suspend")
    assert suspended.status_code == 200, suspended.text
    changing = [each for each in await described(admin) if each.method != "GET"]
    changing.sort(key=lambda each: (turn(each), each.method == "DELETE", depth(each)))
    for number, operation in enumerate(changing):
        request_id = f"change-{number}"
        targets["holder"] = HOLDERS.get(operation.path.split("/")[2], "")
        if turn(operation) == DELETED:
            # What is in use is not deleted: what an operation before has made is.
            kinds = ("group", "policy", "role", "service", "user")
            targets |= {**dict.fromkeys(kinds, "fresh"), "account": "retired"}
        elif operation.name == "DeletePolicyVersion":
            targets["version"] = "2"  # the first is the default
        headers = {**SPOOFED, "X-Request-ID": request_id}
        answer = await operation.call(admin.http, targets, headers={**ANY_VERSION, **headers})
        if answer.status_code == 412:  # it is made anew
            answer = await operation.call(admin.http, targets, headers=headers)
        assert answer.status_code < 300, f"{operation}: {answer.text}"
        entries = await written_by(world, request_id)
        if operation.name in ASKING:
            assert entries == [], operation
            continue
        assert entries, operation
        first, *more = entries
        assert {entry.type for entry in more} <= FOLLOWING.get(operation.name, set()), operation
        assert len({(entry.type, entry.target_id) for entry in entries}) == len(entries)
        assert first.type not in FOLLOWING.get(operation.name, set())
        for entry in entries:
            assert (entry.actor, entry.actor_id) == (admin.arn, admin.id), operation
            assert (entry.outcome, entry.source_address) == ("success", "127.0.0.1"), operation
            assert entry.account in {MAIN_ACCOUNT, "acme", "fresh"}
            assert entry.target_id
            if not entry.type.startswith("iam.job_run."):  # a run is its own record
                is_told = (
                    entry.detail if operation.name in OF_NO_ROW else entry.after != entry.before
                )
                assert is_told, operation
