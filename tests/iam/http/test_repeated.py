"""AA-07: what is said twice is refused, because two readers could each take another one."""

import pytest

from tests.world import Actor, World

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]


@pytest.mark.parametrize(
    "address",
    [
        "/v1/users?limit=1&limit=200",
        "/v1/users?status=active&status=disabled",
        "/v1/users?path_prefix=/&path_prefix=/a/",
        "/v1/credentials?principal=user/alice&principal=service/billing",
        "/v1/audit-events?outcome=denied&outcome=denied",
        "/v1/users/alice?x=1&x=2",
    ],
)
async def test_aa_07_a_parameter_given_twice_is_refused(admin: Actor, address: str) -> None:
    answer = await admin.http.get(address)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_repeated")


async def test_aa_07_on_changes_too_and_only_lists_may_repeat(admin: Actor) -> None:
    made = await admin.http.post("/v1/users", json={"name": "alice", "tags": {"a": "1", "b": "2"}})
    assert made.status_code == 201
    url = "/v1/users/alice"
    gone = await admin.http.request(
        "DELETE", f"{url}?force=1&force=0", headers={"If-Match": made.headers["etag"]}
    )
    assert (gone.status_code, gone.json()["code"]) == (400, "parameter_repeated")
    untagged = await admin.http.delete(f"{url}/tags?key=a&key=b")
    assert untagged.json()["tags"] == {}


@pytest.mark.parametrize("tags", [('"99"', "*"), ("*", '"99"'), ('"99", *',)])
async def test_aa_11_every_version_does_not_hide_behind_another(
    admin: Actor, tags: tuple[str, ...]
) -> None:
    made = (await admin.http.post("/v1/users", json={"name": "alice"})).json()
    headers = [("If-Match", tag) for tag in tags]
    answer = await admin.http.request("DELETE", "/v1/users/alice", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "if_match_malformed")
    assert (await admin.http.get("/v1/users/alice")).json() == made


async def test_aa_11_two_headers_are_one_list(admin: Actor) -> None:
    made = await admin.http.post("/v1/users", json={"name": "alice"})
    for last, status in (('"98"', 412), (made.headers["etag"], 204)):
        headers = [("If-Match", '"99"'), ("If-Match", last)]
        answer = await admin.http.request("DELETE", "/v1/users/alice", headers=headers)
        assert answer.status_code == status


async def test_aa_22_two_idempotency_keys_are_none(admin: Actor, world: World) -> None:
    before = len(await world.events())
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await admin.http.request("POST", "/v1/users", json={"name": "zoe"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert len(await world.events()) == before
