"""The facts of many are the facts of each."""

from typing import Any

import pytest

from iam.authz.gather import gather
from iam.authz.gather_many import read_account_policies, read_holders
from iam.authz.relevance import Everything
from iam_policy import PolicySet
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio


def documents(policies: PolicySet | None) -> Any:
    if policies is None:
        return None
    return sorted((label, policy.content_hash) for label, policy in policies.policies)


async def test_read_together_principals_are_what_they_are_read_alone(
    world: World, admin: Actor
) -> None:
    await world.account("acme")
    await world.actor(allow("*"), account="acme")
    bounded = await world.actor(allow("billing:*"), name="bounded")
    off = await world.actor(allow("billing:*"), name="off")
    http = admin.http
    body = {"name": "limit", "document": {"Version": "2012-10-17", "Statement": dict(allow("*"))}}
    assert (await http.post("/v1/policies", json=body)).is_success
    put = await http.put(
        "/v1/services/bounded/permissions-boundary",
        json={"policy": "limit"},
        headers={"If-Match": "*"},
    )
    assert put.is_success, put.text
    assert (await http.put("/v1/services/bounded/attached-policies/limit")).is_success
    inline = {"document": body["document"]}
    administrators = "/v1/groups/administrators/inline-policies/more"
    assert (await http.put(administrators, json=inline)).is_success
    assert (await http.post("/v1/services/off:disable")).is_success
    ids = sorted([admin.id, bounded.id, off.id])
    async with world.work("main") as uow:
        known = await read_account_policies(uow, "main", partition="iam", relevance=Everything())
        found = [one async for some in read_holders(uow, known, [*ids, "svc_x"]) for one in some]
        assert [one.facts.id for one in found] == ids
        for one in found:
            alone = await gather(uow, one.facts.id, partition="iam")
            assert alone is not None
            together = one.facts
            for name in ("arn", "account", "kind", "name", "is_active", "epoch", "tags"):
                assert getattr(together, name) == getattr(alone, name)
            assert together.context == alone.context
            assert documents(together.identity) == documents(alone.identity)
            assert documents(together.boundary) == documents(alone.boundary)
            labels = [source.label for source in one.sources]
            assert labels == [label for label, _ in together.identity.policies]
