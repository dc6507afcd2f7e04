"""The JSON API of configuration, as who keeps access in a repository uses it."""

from typing import Any

import httpx2
import pytest

from tests.configurations import SHOP
from tests.world import Actor

pytestmark = pytest.mark.anyio


async def post(actor: Actor, verb: str, document: dict[str, Any], **more: Any) -> httpx2.Response:
    body = {"document": document, **more}
    return await actor.http.post(f"/v1/configuration:{verb}", json=body)


async def applied(actor: Actor, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post(actor, "apply", document, **{"approve_widening": True, **more})
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def planned(actor: Actor, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post(actor, "plan", document, **more)
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def test_a_document_is_applied_and_then_there_is_nothing_to_do(admin: Actor) -> None:
    plan = await planned(admin, SHOP)
    await applied(admin, SHOP, plan=plan["plan"])
    again = await planned(admin, SHOP)
    assert (again["steps"], again["effects"], again["adopted"]) == ([], [], [])
    exported = await admin.http.get("/v1/configuration?name=shop")
    again = await planned(admin, exported.json()["document"])
    assert (again["steps"], again["effects"]) == ([], [])
