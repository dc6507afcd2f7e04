"""AA-13: no guardrail and no resource policy leaves nobody who could take it off again."""

from typing import Any

import httpx2
import pytest

from iam.models import ADMINISTRATORS
from tests.world import Actor, Statement, World, allow, deny

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
SCP = "/v1/guardrails/scp/stop"
RCP = "/v1/guardrails/rcp/stop"
SCP_ARN = "arn:iam:organizations::main:policy/service_control_policy/stop"
GROUP_ARN = f"arn:iam:iam::main:group/{ADMINISTRATORS}"


def body(*statements: Statement) -> dict[str, Any]:
    return {"document": {"Version": "2012-10-17", "Statement": list(map(dict, statements))}}


async def written(admin: Actor, url: str, *statements: Statement) -> None:
    answer = await admin.http.put(url, json=body(*statements))
    assert answer.status_code == 200, answer.text


def is_last(answer: httpx2.Response) -> bool:
    return answer.status_code == 409 and answer.json()["code"] == "last_administrator"


@pytest.mark.parametrize("target", ["installation", "account/main"])
async def test_aa_13_the_last_guardrail_that_allows_stays(admin: Actor, target: str) -> None:
    url = f"/v1/guardrails/scp/FullAccess/attachments/{target}"
    assert is_last(await admin.http.delete(url))
    await written(admin, SCP, allow("iam:*", "organizations:*"))
    assert (await admin.http.put(f"{SCP}/attachments/{target}")).status_code == 200
    assert (await admin.http.delete(url)).status_code == 204
    assert is_last(await admin.http.delete(f"{SCP}/attachments/{target}"))
    assert (await admin.http.get("/v1/users")).status_code == 200


@pytest.mark.parametrize("target", ["installation", "account/main"])
@pytest.mark.parametrize(
    ("url", "statement"),
    [
        (SCP, deny("iam:*")),
        (RCP, deny("iam:*")),
        (SCP, deny("organizations:*")),
        (RCP, deny("organizations:DetachPolicy")),
        # It forbids nothing but to take it off, and names itself alone.
        (SCP, deny("organizations:DetachPolicy", on=SCP_ARN)),
    ],
)
async def test_aa_13_nobody_attaches_what_no_administrator_could_take_off(
    admin: Actor, url: str, statement: Statement, target: str
) -> None:
    await written(admin, url, statement)
    assert is_last(await admin.http.put(f"{url}/attachments/{target}"))
    assert (await admin.http.get("/v1/users")).status_code == 200


async def test_aa_13_a_guardrail_does_not_become_such_a_one_either(admin: Actor) -> None:
    await written(admin, SCP, deny("billing:*"))
    assert (await admin.http.put(f"{SCP}/attachments/installation")).status_code == 200
    answer = await admin.http.put(SCP, json=body(deny("iam:*")), headers=ANY)
    assert is_last(answer)
    assert (await admin.http.put(SCP, json=body(deny("x:*")), headers=ANY)).status_code == 200


async def test_what_binds_another_account_is_for_main_to_undo(admin: Actor, world: World) -> None:
    await world.account("acme")
    await world.administrator("acme")
    await written(admin, SCP, deny("*"))
    assert (await admin.http.put(f"{SCP}/attachments/account/acme")).status_code == 200
    full = "/v1/guardrails/scp/FullAccess/attachments/account/acme"
    assert (await admin.http.delete(full)).status_code == 204
    assert (await admin.http.delete(f"{SCP}/attachments/account/acme")).status_code == 204


@pytest.mark.parametrize("action", ["iam:AddUserToGroup", "iam:*"])
async def test_aa_13_no_resource_policy_shuts_the_administrators_out_of_their_group(
    admin: Actor, action: str
) -> None:
    everyone = {**deny(action), "Principal": "*"}
    answer = await admin.http.put(f"/v1/resource-policies/{GROUP_ARN}", json=body(everyone))
    assert is_last(answer)


async def test_aa_13_no_resource_policy_forbids_its_own_deletion(admin: Actor) -> None:
    for action, refused in (("iam:DeleteResourcePolicy", True), ("billing:*", False)):
        address = "/v1/resource-policies/arn:iam:billing::main:invoice/42"
        answer = await admin.http.put(address, json=body({**deny(action), "Principal": "*"}))
        assert is_last(answer) is refused, answer.text
