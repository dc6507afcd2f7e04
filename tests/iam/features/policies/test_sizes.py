"""The sizes of documents are settings, and every door that takes a document keeps to them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from iam.settings import PolicySettings
from tests import world as worlds
from tests.world import Actor, World

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

SMALL = PolicySettings(
    managed_characters=300,
    user_inline_characters=256,
    session_characters=300,
    trust_characters=300,
    resource_characters=300,
    guardrail_characters=300,
    versions=2,
)
INVOICE = "arn:iam:billing::main:invoice/7"


@pytest.fixture
async def small(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds.open_world(database_url, tmp_path, policies=SMALL) as opened:
        yield opened


@pytest.fixture
async def asker(small: World) -> Actor:
    return await small.administrator()


def sized(size: int, **members: Any) -> dict[str, Any]:
    """A document of so many characters."""
    statement = {"Effect": "Deny", "Action": "a:b", "Resource": "*", **members}
    found = {"Version": "2012-10-17", "Statement": {"Sid": "", **statement}}
    found["Statement"]["Sid"] = "s" * (size - len(json.dumps(found, separators=(",", ":"))))  # type: ignore[index] # it is the object above
    return found


def told(answer: Any) -> tuple[int, list[dict[str, str]]]:
    return answer.status_code, answer.json().get("errors", [])


TOO_LONG = (
    400,
    [{"path": "$", "found": "301 characters", "expected": "at most 300"}],
)


async def test_a_managed_policy(asker: Actor) -> None:
    for size, status in ((300, 201), (301, 400)):
        body = {"name": f"p{size}", "document": sized(size)}
        answer = await asker.http.post("/v1/policies", json=body)
        assert answer.status_code == status
    assert told(answer) == TOO_LONG
    versions = "/v1/policies/p300/versions"
    assert told(await asker.http.post(versions, json={"document": sized(301)})) == TOO_LONG
    for status in (201, 409):
        answer = await asker.http.post(versions, json={"document": sized(300)})
        assert answer.status_code == status
    assert "has 2 versions already" in answer.json()["detail"]


async def test_an_inline_policy_alone_and_all_of_a_holder(asker: Actor) -> None:
    await asker.http.post("/v1/users", json={"name": "alice"})
    url = "/v1/users/alice/inline-policies"
    assert told(await asker.http.put(f"{url}/a", json={"document": sized(301)})) == TOO_LONG
    answer = await asker.http.put(f"{url}/a", json={"document": sized(257)})
    assert answer.status_code == 409
    assert "at most 256 characters" in answer.json()["detail"]


async def test_a_trust_policy(asker: Actor) -> None:
    trust = sized(301, Principal={"IAM": "main"}, Action="sts:AssumeRole")
    del trust["Statement"]["Resource"]
    trust["Statement"]["Sid"] += "s" * (301 - len(json.dumps(trust, separators=(",", ":"))))
    answer = await asker.http.post("/v1/roles", json={"name": "r", "trust_policy": trust})
    assert told(answer) == TOO_LONG


async def test_a_resource_policy(asker: Actor) -> None:
    document = sized(301, Principal={"IAM": "main"}, Resource=INVOICE)
    answer = await asker.http.put(f"/v1/resource-policies/{INVOICE}", json={"document": document})
    assert told(answer) == TOO_LONG


async def test_a_guardrail(asker: Actor) -> None:
    answer = await asker.http.put("/v1/guardrails/scp/limit", json={"document": sized(301)})
    assert told(answer) == TOO_LONG


async def test_a_session_policy_in_a_question(asker: Actor) -> None:
    session = {"role": "arn:iam:iam::main:role/r", "name": "ci", "policy": json.dumps(sized(301))}
    question = {"session": session, "action": "a:b", "resource": "*"}
    session["policy"] = session["policy"].replace(" ", "")
    answer = await asker.http.post("/v1/decisions", json={"evaluations": [question]})
    assert told(answer) == (
        422,
        [{"path": "$.evaluations[0].session.policy:$", "message": "expected at most 300"}],
    )
