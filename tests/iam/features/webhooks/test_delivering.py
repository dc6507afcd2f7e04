"""Events arrive: signed, once if all goes well, in order, and each receiver's for itself."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from iam.features.deliveries.jobs import Pump
from iam.features.deliveries.rules import RETRIES
from iam.features.webhooks.jobs import carrier
from iam.journal.events import EventType
from iam.models import Delivery, InlinePolicy, Principal, Webhook
from tests import world as worlds
from tests.receiver import Received
from tests.world import World, allow

pytestmark = pytest.mark.anyio

ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A running installation that may call loopback."""
    allow = ("127.0.0.0/8",)
    async with worlds.open_world(database_url, tmp_path, outbound_allow=allow) as opened:
        yield opened


async def test_an_event_arrives_signed_in_the_form_of_cloudevents(post: Any) -> None:
    made = await post.webhook(event_types=["iam.user.*"])
    await post.user("ana")
    await post.pump.settle()
    (request,) = post.receiver.requests
    event = request.event
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert {name: event[name] for name in event if name not in {"id", "data", "time"}} == {
        "specversion": "1.0",
        "source": "http://localhost:8080",
        "type": "iam.user.created.v1",
        "subject": "arn:iam:iam::main:user/ana",
        "datacontenttype": "application/json",
        "account": "main",
        "sequence": f"{1:020}",
    }
    assert event["data"]["actor"] == post.admin.arn
    assert event["data"]["after"]["name"] == "ana"
    (entry,) = [each for each in await post.world.events() if each.type == event["type"]]
    assert request.id == event["id"] == entry.id
    assert request.is_signed(made["signing_secret"])
    (delivery,) = await post.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == (
        "delivered",
        1,
        204,
    )


class TestOrder:
    async def test_of_one_subject_events_arrive_in_the_order_of_their_changes(
        self, post: Any
    ) -> None:
        await post.webhook(event_types=["iam.user.*"])
        await post.user("ana")
        await post.user("ben")
        for number in range(5):
            for name in ("ana", "ben"):
                await post.describe(name, str(number))
        await post.pump.settle()
        for name in ("ana", "ben"):
            told = [
                event["data"]["after"].get("description")
                for event in post.receiver.events()
                if event["subject"].endswith(name)
            ]
            assert told == ["", "0", "1", "2", "3", "4"]
        numbers = [delivery["sequence"] for delivery in await post.deliveries()]
        assert sorted(numbers) == list(range(1, 13))

    @ON_SQLITE
    async def test_what_comes_later_of_a_subject_waits_and_other_subjects_do_not(
        self, post: Any
    ) -> None:
        await post.webhook(event_types=["iam.user.*"])
        await post.user("ana")
        post.receiver.answer = lambda request: 500 if "user/ana" in request.body.decode() else 204
        await post.pump.settle()
        await post.describe("ana", "x")
        await post.user("ben")
        await post.pump.settle()
        assert [event["subject"][-3:] for event in post.receiver.events()] == ["ana", "ben"]
        post.receiver.answer = lambda _: 204
        await post.world.advance(timedelta(seconds=7))
        await post.pump.settle()
        assert [event["subject"][-3:] for event in post.receiver.events()][2:] == ["ana", "ana"]
        assert post.receiver.types()[2:] == ["iam.user.created.v1", "iam.user.updated.v1"]


class TestTryingAgain:
    async def test_wh_10_a_repeat_has_the_same_id_and_the_same_bytes(self, post: Any) -> None:
        await post.webhook(event_types=["iam.user.*"])
        post.receiver.answer = lambda _: 503
        await post.user("ana")
        await post.pump.settle()
        (waiting,) = await post.deliveries()
        assert (waiting["state"], waiting["last_reason"]) == ("pending", "http_503")
        post.receiver.answer = lambda _: 200
        await post.world.advance(RETRIES[0] * 1.2)
        await post.pump.settle()
        first, second = post.receiver.requests
        assert (first.id, first.body) == (second.id, second.body)
        assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]

    @ON_SQLITE
    async def test_f_28_what_was_sent_and_could_not_be_marked_is_sent_again(
        self, post: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await post.webhook(event_types=["iam.user.*"])
        await post.user("ana")
        turns = post.pump._turn

        async def killed(*arguments: Any) -> Any:
            if arguments[-1]:  # something was sent
                raise RuntimeError("killed")
            return await turns(*arguments)

        monkeypatch.setattr(post.pump, "_turn", killed)
        with pytest.raises(RuntimeError, match="killed"):
            await post.pump.settle()
        monkeypatch.undo()
        (delivery,) = await post.deliveries()
        assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
        await post.pump.settle()
        first, second = post.receiver.requests
        assert (first.id, first.body) == (second.id, second.body)
        (delivery,) = await post.deliveries()
        assert delivery["state"] == "delivered"

    @ON_SQLITE
    async def test_f_28_after_three_days_in_vain_it_is_dead_with_a_reason_and_can_be_replayed(
        self, post: Any
    ) -> None:
        await post.webhook(event_types=["iam.user.created.v1"])
        post.receiver.answer = lambda _: 500
        await post.user("ana")
        for wait in (timedelta(0), *RETRIES):
            await post.later(wait * 1.2 + timedelta(minutes=6))
            await post.pump.settle()
        (dead,) = await post.deliveries()
        assert (dead["state"], dead["last_reason"], dead["last_status"]) == (
            "dead",
            "http_500",
            500,
        )
        assert dead["attempts"] == len(post.receiver.requests) > 8
        shown = await post.show()
        assert (shown["status"], shown["disabled_reason"]) == ("disabled", "failing")
        events = [entry.type for entry in await post.world.events()]
        assert events[-1] == EventType.WEBHOOK_DISABLED
        post.receiver.answer = lambda _: 204
        await post.do(":enable")
        answer = await post.do(f"/deliveries/{dead['id']}:replay")
        assert answer["replayed"] == 1
        await post.pump.settle()
        (delivery,) = await post.deliveries()
        assert (delivery["state"], delivery["event_id"]) == ("delivered", dead["event_id"])
        assert len({request.id for request in post.receiver.requests}) == 1

    @ON_SQLITE
    async def test_a_receiver_that_is_gone_is_asked_no_more(self, post: Any) -> None:
        await post.webhook()
        post.receiver.answer = lambda _: 410
        await post.user("ana")
        await post.user("ben")
        await post.pump.settle()
        assert (await post.show())["disabled_reason"] == "gone"
        dead = await post.deliveries(state="dead")
        assert {"gone", "endpoint_disabled"} >= {delivery["last_reason"] for delivery in dead}
        assert await post.deliveries(state="pending") == []


class TestIsolation:
    @ON_SQLITE
    async def test_a_receiver_that_never_answers_holds_up_no_other(self, post: Any) -> None:
        await post.webhook("dead", event_types=["iam.user.*"])
        await post.webhook("fine", event_types=["iam.user.*"])
        hung: list[Received] = []

        def answer(request: Received) -> int:
            if request.path == "/dead":
                hung.append(request)
                return -1
            return 204

        post.receiver.answer = answer
        for number in range(20):
            await post.user(f"u{number}")
        running = asyncio.create_task(post.pump.run())
        try:
            await until(lambda: len(post.receiver.events("/fine")) == 20 and hung)
        finally:
            running.cancel()
        # The one that hangs has not even come to the end of its first attempt.
        assert all(each["attempts"] == 0 for each in await post.deliveries("dead"))

    @ON_SQLITE
    async def test_a_channel_in_which_nothing_gets_through_is_asked_less_often(
        self, post: Any
    ) -> None:
        await post.webhook(event_types=["iam.user.*"])
        post.receiver.answer = lambda _: 500
        for number in range(30):
            await post.user(f"u{number}")
        await post.pump.settle()
        first = len(post.receiver.requests)
        assert first < 20  # it was left after the first few
        for _ in range(60):
            await post.world.advance(timedelta(seconds=60))
            await post.pump.settle()
        assert len(post.receiver.requests) - first < 40


class TestNotSent:
    async def test_wh_11_mt_07_events_of_another_account_never_come(
        self, post: Any, world: World
    ) -> None:
        await world.account("acme")
        other = await world.administrator("acme")
        await post.webhook(event_types=["*"])
        body = {"name": "theirs", "url": post.receiver.url("/theirs")}
        assert (await other.http.post("/v1/webhooks", json=body)).status_code == 201
        assert (await other.http.post("/v1/users", json={"name": "canary"})).status_code == 201
        await post.user("ana")
        await post.pump.settle()
        ours = [request.body for request in post.receiver.requests if request.path == "/hook"]
        theirs = [request.body for request in post.receiver.requests if request.path == "/theirs"]
        assert any(b"user/ana" in body for body in ours)
        assert any(b"canary" in body for body in theirs)
        assert not any(b"canary" in body for body in ours)
        assert not any(b"user/ana" in body for body in theirs)
        assert {event["account"] for event in post.receiver.events("/theirs")} == {"acme"}

    @ON_SQLITE
    async def test_wh_12_nothing_is_sent_once_the_owner_may_not_read_events(
        self, post: Any, world: World
    ) -> None:
        owner = await world.actor(allow("iam:CreateWebhook", "audit:ListEvents"))
        body = {"name": "theirs", "url": post.receiver.url("/theirs")}
        assert (await owner.http.post("/v1/webhooks", json=body)).status_code == 201
        await post.user("ana")
        async with world.work() as uow:
            query = select(InlinePolicy).where(InlinePolicy.principal_id == owner.id)
            uow.emit(EventType.SERVICE_INLINE_POLICY_DELETED, await uow.get(Principal, owner.id))
            await uow.delete((await uow.scalars(query)).one())
        await post.pump.settle()
        assert post.receiver.requests == []
        shown = await post.show("theirs")
        assert (shown["status"], shown["disabled_reason"]) == ("disabled", "owner_not_allowed")
        dead = await post.deliveries("theirs", state="dead")
        assert {each["last_reason"] for each in dead} <= {"owner_not_allowed", "endpoint_disabled"}
        assert (await post.do(":enable", "theirs"))["owner_id"] == post.admin.id
        assert (await post.do("/deliveries:replay", "theirs"))["replayed"] == len(dead)
        await post.pump.settle()
        assert "iam.user.created.v1" in post.receiver.types("/theirs")

    @ON_SQLITE
    async def test_wh_12_a_disabled_webhook_gets_nothing_that_was_queued(self, post: Any) -> None:
        await post.webhook(event_types=["iam.user.*"])
        await post.user("ana")
        await post.do(":disable")
        await post.user("ben")
        await post.pump.settle()
        assert post.receiver.requests == []
        dead = await post.deliveries()
        assert [each["last_reason"] for each in dead] == ["endpoint_disabled"] * 2
        again = await post.admin.http.post("/v1/webhooks/hook/deliveries:replay")
        assert (again.status_code, again.json()["code"]) == (409, "webhook_disabled")

    @ON_SQLITE
    async def test_wh_12_a_suspended_account_sends_nothing(self, post: Any, world: World) -> None:
        await world.account("acme")
        other = await world.administrator("acme")
        body = {"name": "theirs", "url": post.receiver.url("/theirs")}
        assert (await other.http.post("/v1/webhooks", json=body)).status_code == 201
        answer = await post.admin.http.post("/v1/accounts/acme:suspend")
        assert answer.status_code == 200, answer.text
        await post.pump.settle()
        assert post.receiver.requests == []
        async with world.work() as uow:
            reasons = await uow.scalars(select(Delivery.last_reason))
            assert set(reasons) == {"account_suspended"}

    @ON_SQLITE
    async def test_what_is_queued_for_a_deleted_webhook_dies(self, post: Any, world: World) -> None:
        made = await post.webhook(event_types=["iam.user.*"])
        await post.user("ana")
        await post.pump.fan_out()
        gone = await post.admin.http.delete("/v1/webhooks/hook", headers={"If-Match": "*"})
        assert gone.status_code == 204, gone.text
        await post.pump.settle()
        assert post.receiver.requests == []
        async with world.work() as uow:
            query = select(Delivery).where(Delivery.channel_id == made["id"])
            (row,) = await uow.scalars(query)
            assert (row.state, row.last_reason) == ("dead", "endpoint_deleted")

    @ON_SQLITE
    async def test_what_happened_before_it_was_made_is_not_sent(
        self, post: Any, world: World
    ) -> None:
        await post.user("ana")
        await world.advance(timedelta(minutes=2))
        await post.webhook(event_types=["iam.user.*"])
        await post.user("ben")
        await post.pump.settle()
        assert [event["subject"][-3:] for event in post.receiver.events()] == ["ben"]

    @ON_SQLITE
    async def test_wh_01_an_address_is_judged_again_when_it_is_called(
        self, post: Any, world: World
    ) -> None:
        made = await post.webhook(event_types=["iam.user.*"])
        async with world.work() as uow:
            row = await uow.get(Webhook, made["id"])
            assert row is not None
            row.url = "http://169.254.169.254/latest/meta-data"
            uow.emit(EventType.WEBHOOK_UPDATED, row)
        await post.user("ana")
        await post.pump.settle()
        (delivery,) = await post.deliveries()
        assert (delivery["state"], delivery["last_reason"]) == ("pending", "outbound_refused")

    @ON_SQLITE
    async def test_wh_04_wh_08_a_redirect_is_not_followed_and_no_answer_is_shown(
        self, post: Any
    ) -> None:
        await post.webhook(event_types=["iam.user.*"])
        post.receiver.answer = lambda _: 302
        await post.user("ana")
        await post.pump.settle()
        answer = await post.admin.http.get("/v1/webhooks/hook/deliveries")
        (delivery,) = answer.json()["items"]
        assert (delivery["last_reason"], delivery["last_status"]) == ("http_302", 302)
        assert "secret" not in answer.text  # the receiver's body says it
        assert len(post.receiver.requests) == 1


@ON_SQLITE
async def test_slack_gets_a_line_of_text(post: Any) -> None:
    made = await post.webhook("slack", kind="slack", event_types=["iam.user.*"])
    assert made["url"] == f"http://127.0.0.1:{post.receiver.port}/..."
    await post.user("ana")
    await post.pump.settle()
    (request,) = post.receiver.requests
    assert request.path == "/slack"
    assert request.event.keys() == {"text"}
    assert "iam.user.created.v1" in request.event["text"]
    assert "arn:iam:iam::main:user/ana" in request.event["text"]


@ON_SQLITE
async def test_a_test_arrives_whatever_events_are_wanted(post: Any) -> None:
    await post.webhook(event_types=["iam.user.*"])
    await post.webhook("other", event_types=["iam.user.*"])
    await post.do(":test")
    await post.pump.settle()
    assert post.receiver.types("/hook") == ["iam.webhook.tested.v1"]
    assert post.receiver.types("/other") == []


@ON_SQLITE
async def test_wh_09_after_a_rotation_both_secrets_sign_for_a_day(post: Any) -> None:
    old = (await post.webhook(event_types=["iam.user.*"]))["signing_secret"]
    new = (await post.do(":rotate-secret"))["signing_secret"]
    await post.user("ana")
    await post.pump.settle()
    await post.later(timedelta(hours=24, seconds=1))
    await post.user("ben")
    await post.pump.settle()
    first, second = post.receiver.requests
    assert (first.is_signed(new), first.is_signed(old)) == (True, True)
    assert (second.is_signed(new), second.is_signed(old)) == (True, False)


@ON_SQLITE
async def test_of_two_pumps_one_sends(post: Any, world: World) -> None:
    await post.webhook(event_types=["iam.user.*"])
    for number in range(10):
        await post.user(f"u{number}")
    other = Pump(world.runtime, [carrier(world.runtime)], per_second=math.inf)
    await asyncio.gather(post.pump.settle(), other.settle())
    assert len(post.receiver.requests) == 10


async def until(holds: Callable[[], object]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 -- what it waits for sets no event
            await asyncio.sleep(0.02)
