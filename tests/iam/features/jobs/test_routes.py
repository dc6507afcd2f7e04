"""The API of jobs: who may, what is shown, and what a change of schedule means."""

from typing import Any

import pytest

from iam.features.job_runs.service import register_jobs
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

TICK = "/v1/jobs/tick"


@pytest.fixture(autouse=True)
async def registered(world: World) -> None:
    """Two jobs, registered at noon."""
    async with world.runtime.begin_as_root() as uow:
        await register_jobs(uow, [("tick", "Ticks", "0 3 * * *"), ("tock", "Tocks", "@hourly")])


async def change(admin: Actor, **changes: Any) -> dict[str, Any]:
    answer = await admin.http.patch(TICK, json=changes, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


async def test_jobs_are_listed_by_name_with_their_next_slot_and_last_run(admin: Actor) -> None:
    run = (await admin.http.post("/v1/jobs/tock:run")).json()
    first = await admin.http.get("/v1/jobs", params={"limit": 1})
    (tick,) = first.json()["items"]
    assert (tick["name"], tick["next_slot"], tick["last_run"]) == (
        "tick",
        "2026-07-02T03:00:00Z",
        None,
    )
    assert tick["arn"] == "arn:iam:iam::main:job/tick"
    second = await admin.http.get("/v1/jobs", params={"cursor": first.json()["next_cursor"]})
    (tock,) = second.json()["items"]
    assert (tock["schedule"], tock["next_slot"]) == ("0 * * * *", "2026-07-01T13:00:00Z")
    assert tock["last_run"] == run


async def test_a_run_is_asked_for_read_and_cancelled(world: World, admin: Actor) -> None:
    made = await admin.http.post(f"{TICK}:run")
    assert made.status_code == 201
    run = made.json()
    assert (run["status"], run["requested_by"], run["slot"]) == ("queued", admin.arn, None)
    assert (await admin.http.get(made.headers["location"])).json() == run
    assert (await admin.http.post(f"{TICK}:run")).json() == run  # one waits: no other is needed

    ended = await admin.http.post(f"{made.headers['location']}:cancel")
    assert (ended.json()["status"], ended.json()["cancel_requested_by"]) == ("cancelled", admin.arn)
    again = await admin.http.post(f"{made.headers['location']}:cancel")
    assert (again.status_code, again.json()["code"]) == (409, "run_is_over")

    other = (await admin.http.post(f"{TICK}:run")).json()
    listed = (await admin.http.get(f"{TICK}/runs")).json()["items"]
    assert [one["id"] for one in listed] == [other["id"], run["id"]]
    found = await admin.http.get(f"{TICK}/runs", params={"status": "cancelled"})
    assert [one["id"] for one in found.json()["items"]] == [run["id"]]
    told = [entry for entry in await world.events() if entry.type.startswith("iam.job_run.")]
    assert {(entry.actor, entry.subject) for entry in told} == {
        (admin.arn, "arn:iam:iam::main:job/tick")
    }


@pytest.mark.any_database
async def test_a_schedule_can_be_changed_and_be_the_default_again(
    world: World, admin: Actor
) -> None:
    moved = await change(admin, schedule="30 2 * * *", time_zone="Europe/Vienna")
    assert (moved["schedule"], moved["default_schedule"]) == ("30 2 * * *", "0 3 * * *")
    assert moved["next_slot"] == "2026-07-02T00:30:00Z"
    assert moved["version"] == 2
    assert (await change(admin, schedule=" @Daily "))["schedule"] == "0 0 * * *"
    off = await change(admin, is_enabled=False)
    assert off["next_slot"] is None
    back = await change(admin, schedule=None, time_zone="UTC", is_enabled=True)
    assert (back["schedule"], back["next_slot"]) == ("0 3 * * *", "2026-07-02T03:00:00Z")
    version = back["version"]
    assert (await change(admin, is_enabled=True))["version"] == version
    entries = [one for one in await world.events() if one.type == "iam.job.updated.v1"]
    assert len(entries) == 4
    assert entries[0].before == {"own_schedule": None, "time_zone": "UTC"}
    assert entries[0].after == {"own_schedule": "30 2 * * *", "time_zone": "Europe/Vienna"}


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"schedule": "every day"}, "schedule_invalid"),
        ({"schedule": "* * * * * *"}, "schedule_invalid"),
        ({"time_zone": "Mars/Olympus"}, "time_zone_unknown"),
    ],
)
async def test_a_schedule_that_is_none_is_refused(
    admin: Actor, changes: dict[str, str], code: str
) -> None:
    refused = await admin.http.patch(TICK, json=changes, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (400, code)


@pytest.mark.any_database
async def test_a_change_needs_the_version_that_was_read(admin: Actor) -> None:
    read = await admin.http.get(TICK)
    assert (await admin.http.patch(TICK, json={"is_enabled": False})).status_code == 428
    fresh = {"If-Match": read.headers["etag"]}
    first = await admin.http.patch(TICK, json={"is_enabled": False}, headers=fresh)
    assert first.status_code == 200
    assert (await admin.http.patch(TICK, json={}, headers=fresh)).status_code == 412


@pytest.mark.any_database
async def test_what_does_not_exist_is_told_to_who_may_know(world: World, admin: Actor) -> None:
    run = "run_01kjpzk3w0ea6v1m9q4t7x2c5d"
    for path in ("/v1/jobs/nothing", f"{TICK}/runs/{run}", "/v1/jobs/%00"):
        assert (await admin.http.get(path)).status_code == 404
    mine = (await admin.http.post(f"{TICK}:run")).json()["id"]
    assert (await admin.http.get(f"/v1/jobs/tock/runs/{mine}")).status_code == 404
    stranger = await world.actor(allow("iam:ListUsers"))
    assert (await stranger.http.get("/v1/jobs/nothing")).status_code == 403


@pytest.mark.any_database
async def test_mt_07_administrators_of_other_accounts_see_and_run_no_job(world: World) -> None:
    other = await world.administrator(await world.account("other"))
    for method, path in (
        ("GET", "/v1/jobs"),
        ("GET", TICK),
        ("GET", f"{TICK}/runs"),
        ("POST", f"{TICK}:run"),
        ("PATCH", TICK),
    ):
        answer = await other.http.request(
            method, path, json={} if method == "PATCH" else None, headers={"If-Match": "*"}
        )
        assert answer.status_code == 403, (method, path)


@pytest.mark.any_database
async def test_who_may_run_one_job_may_run_no_other(world: World) -> None:
    runner = await world.actor(allow("iam:RunJob", on="arn:iam:iam::main:job/tick"))
    assert (await runner.http.post(f"{TICK}:run")).status_code == 201
    assert (await runner.http.post("/v1/jobs/tock:run")).status_code == 403
    assert (await runner.http.get(TICK)).status_code == 403
