"""What no endpoint may forget: authorization, order of commit and answer, idempotency."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message, Receive, Scope, Send

from iam.authz.actions import Action
from iam.features.principals.schemas import Input, Output
from iam.features.users.schemas import UserOut
from iam.http.edge import Edge
from iam.http.router import ApiRouter
from iam.http.work import ServedBy, Work
from iam.models import IdempotencyRecord, IssuedToken, User
from tests.world import Actor, World, allow, deny, policy_document

pytestmark = pytest.mark.anyio


async def users(world: World) -> int:
    async with world.work() as uow:
        count: int = await uow.scalar(select(func.count()).select_from(User))
        return count


class Empty(Output):
    """Nothing."""


async def test_a_shape_is_built_with_the_first_route_that_needs_it() -> None:
    class Asked(Input):
        name: str

    class Answered(Output):
        name: str

    router = ApiRouter(tag="shapes")

    @router.post("/shapes", action=None)
    async def make(*, body: Asked, work: Work) -> Answered:
        del work
        return Answered(name=body.name)

    assert not any(shape.__pydantic_complete__ for shape in (Asked, Answered))
    assert router.routes[0].prepared.body_field is not None
    assert all(shape.__pydantic_complete__ for shape in (Asked, Answered))


async def test_ds_17_slow_clients_hold_no_connection_of_the_database(
    world: World, admin: Actor
) -> None:
    rest = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"name":'
        await rest.wait()
        yield b'"slow"}'

    headers = {"Content-Type": "application/json"}
    waiting = [
        asyncio.create_task(admin.http.post(path, content=slow(), headers=headers))
        for path in ("/v1/users", "/v1/decisions")
        for _ in range(world.runtime.settings.database_pool + 5)
    ]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(20):
        answer = await admin.http.post("/v1/users", json={"name": "quick"})
    assert answer.status_code == 201
    assert not any(task.done() for task in waiting)
    rest.set()
    codes = [found.status_code for found in await asyncio.gather(*waiting)]
    assert codes.count(201) == 1


class TestAuthorization:
    async def test_an_endpoint_that_forgets_to_authorize_does_not_answer(
        self, world: World, admin: Actor
    ) -> None:
        router = ApiRouter(tag="test")

        @router.get("/careless", action=Action.LIST_USERS)
        async def careless(work: Work) -> Empty:
            del work
            return Empty()

        app = FastAPI()
        app.router.routes.extend(router.routes)
        served = ServedBy(app, world.runtime)
        guarded = Edge(served, settings=world.runtime.settings, clock=world.clock)
        async with world.client_of(guarded, admin.token) as http:
            assert (await http.get("/v1/careless")).status_code == 500

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ([], "authentication_required"),
            ([("Authorization", "Basic YTpi")], "authorization_malformed"),
            ([("Authorization", "Bearer ")], "authorization_malformed"),
            ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
             "authorization_malformed"),
            ([("Authorization", "Bearer not.a.token")], "malformed"),
        ],
    )  # fmt: skip
    async def test_without_one_good_bearer_token_nobody_is_let_in(
        self, world: World, headers: list[tuple[str, str]], code: str
    ) -> None:
        answer = await world.http.get("/v1/users", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.json()["code"].endswith(code) or code == "malformed"

    async def test_a_token_for_another_audience_is_refused(
        self, world: World, admin: Actor
    ) -> None:
        token = await world.token_for(admin.id, audience="https://billing.example")
        answer = await world.client(token).get("/v1/users")
        assert answer.status_code == 401

    async def test_a_token_that_is_not_in_the_ledger_is_refused(
        self, world: World, admin: Actor
    ) -> None:
        async with world.work() as uow:
            await uow.execute(delete(IssuedToken))
        answer = await admin.http.get("/v1/users")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


async def test_the_answer_is_serialized_then_committed_then_sent(
    world: World, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    dump, commit = UserOut.model_dump_json, AsyncSession.commit

    def dumped(user: UserOut, **options: Any) -> str:
        notes.append("serialize")
        return dump(user, **options)

    async def committed(session: AsyncSession) -> None:
        notes.append("commit")
        await commit(session)

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            notes.append(message["type"])
            await send(message)

        await world.app(scope, receive, note)

    monkeypatch.setattr(UserOut, "model_dump_json", dumped)
    monkeypatch.setattr(AsyncSession, "commit", committed)
    async with world.client_of(noted, admin.token) as http:
        assert (await http.post("/v1/users", json={"name": "a"})).status_code == 201
    assert notes == ["serialize", "commit", "http.response.start", "http.response.body"]


async def test_an_answer_that_cannot_be_serialized_leaves_nothing_behind(
    world: World, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: UserOut, **__: Any) -> str:
        raise ValueError

    monkeypatch.setattr(UserOut, "model_dump_json", broken)
    assert (await admin.http.post("/v1/users", json={"name": "a"})).status_code == 500
    assert await users(world) == 0


class TestIdempotencyKey:
    async def test_f_08_a_retry_has_one_effect_and_the_same_answer(
        self, world: World, admin: Actor
    ) -> None:
        headers = {"Idempotency-Key": "k-1"}
        first = await admin.http.post("/v1/users", json={"name": "a"}, headers=headers)
        again = await admin.http.post("/v1/users", json={"name": "a"}, headers=headers)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.content == again.content
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["idempotency-replayed"] == "true"
        assert await users(world) == 1

    async def test_aa_22_another_body_or_another_caller_is_another_request(
        self, world: World, admin: Actor
    ) -> None:
        headers = {"Idempotency-Key": "k-1"}
        await admin.http.post("/v1/users", json={"name": "a"}, headers=headers)
        other_body = await admin.http.post("/v1/users", json={"name": "b"}, headers=headers)
        colleague = await world.administrator()
        other_caller = await colleague.http.post("/v1/users", json={"name": "c"}, headers=headers)
        assert (other_body.status_code, other_body.json()["code"]) == (
            422,
            "idempotency_key_reused",
        )
        assert other_caller.status_code == 201

    async def test_aa_22_who_may_not_do_it_any_more_does_not_get_the_answer_again(
        self, world: World, admin: Actor
    ) -> None:
        ci = await world.actor(allow("iam:CreateCredential"), name="ci")
        request: dict[str, Any] = {
            "url": "/v1/services/ci/credentials",
            "json": {"kind": "client_secret"},
            "headers": {"Idempotency-Key": "k-1"},
        }
        first, again = await ci.http.post(**request), await ci.http.post(**request)
        assert (first.status_code, again.content) == (201, first.content)
        document = json.loads(policy_document(deny("iam:CreateCredential")))
        url = "/v1/services/ci/inline-policies/withdrawn"
        assert (await admin.http.put(url, json={"document": document})).is_success
        refused = await ci.http.post(**request)
        assert (refused.status_code, refused.json()["code"]) == (403, "access_denied")
        assert first.json()["client_secret"] not in refused.text

    async def test_twenty_at_once_have_one_effect(self, world: World, admin: Actor) -> None:
        headers = {"Idempotency-Key": "k-1"}
        answers = await asyncio.gather(
            *(admin.http.post("/v1/users", json={"name": "a"}, headers=headers) for _ in range(20))
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert 201 in {answer.status_code for answer in answers}
        assert await users(world) == 1

    async def test_a_refused_request_may_be_corrected_under_the_same_key(
        self, admin: Actor
    ) -> None:
        headers = {"Idempotency-Key": "k-1"}
        await admin.http.post("/v1/users", json={"name": "a"})
        taken = await admin.http.post("/v1/users", json={"name": "a"}, headers=headers)
        fine = await admin.http.post("/v1/users", json={"name": "b"}, headers=headers)
        assert (taken.status_code, fine.status_code) == (409, 201)

    async def test_the_kept_answer_is_sealed_and_forgotten(
        self, world: World, admin: Actor
    ) -> None:
        headers = {"Idempotency-Key": "k-1"}
        await admin.http.post("/v1/users", json={"name": "canary"}, headers=headers)
        async with world.work() as uow:
            record: IdempotencyRecord = await uow.scalar(select(IdempotencyRecord))
        assert b"canary" not in record.answer_sealed
        assert (record.expires_at - world.clock.now()).total_seconds() == 24 * 3600

    @pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
    async def test_a_malformed_key_is_refused(self, admin: Actor, key: str) -> None:
        answer = await admin.http.post(
            "/v1/users", json={"name": "a"}, headers={"Idempotency-Key": key}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
