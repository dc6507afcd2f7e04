"""Changes of one user that arrive together follow one another; none is refused for the others."""

import asyncio

import pytest

from tests.world import Actor

pytestmark = pytest.mark.anyio

AT_ONCE = 8


async def test_changes_of_one_user_at_once_are_all_made(admin: Actor) -> None:
    created = await admin.http.post("/v1/users", json={"name": "ada"})
    path = f"/v1/users/{created.json()['id']}"
    answers = await asyncio.gather(
        *(
            admin.http.patch(path, json={"description": f"text {turn}"}, headers={"If-Match": "*"})
            for turn in range(AT_ONCE)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    versions = {answer.json()["version"] for answer in answers}
    assert versions == set(range(2, AT_ONCE + 2))


async def test_of_changes_at_once_that_were_based_on_one_reading_one_is_made(admin: Actor) -> None:
    created = await admin.http.post("/v1/users", json={"name": "ada"})
    path, tag = f"/v1/users/{created.json()['id']}", created.headers["etag"]
    answers = await asyncio.gather(
        *(
            admin.http.patch(path, json={"description": f"text {turn}"}, headers={"If-Match": tag})
            for turn in range(AT_ONCE)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (AT_ONCE - 1)
