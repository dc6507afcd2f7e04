"""`POST /v1/decisions`: the same engine, asked from outside."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import InlinePolicy, Principal, PrincipalStatus, Role, ServiceAudience
from tests.world import Actor, Statement, World, allow, deny, policy_document

pytestmark = pytest.mark.anyio

INVOICE = "arn:iam:billing::main:invoice/42"
READ = {"action": "billing:GetInvoice", "resource": INVOICE}


async def ask(actor: Actor, *questions: dict[str, Any]) -> httpx2.Response:
    return await actor.http.post("/v1/decisions", json={"evaluations": list(questions)})


async def decide(actor: Actor, **question: Any) -> dict[str, Any]:
    answer = await ask(actor, {**READ, **question})
    assert answer.status_code == 200, answer.text
    (decision,) = answer.json()["decisions"]
    assert isinstance(decision, dict)
    return decision


@pytest.fixture
async def asker(world: World) -> Actor:
    """A service that may ask about anybody."""
    return await world.actor(allow("decisions:Evaluate"), name="gateway")


@pytest.fixture
async def billing(world: World) -> Actor:
    """A service without any policy, with an audience of its own."""
    actor = await world.actor(name="billing")
    async with world.work() as uow:
        row = await uow.get(Principal, actor.id)
        uow.add(ServiceAudience(account="main", uri="https://billing", service_id=actor.id))
        uow.emit(EventType.SERVICE_UPDATED, row)
    return actor


async def role(world: World, *statements: Statement, name: str = "deploy") -> str:
    async with world.work() as uow:
        row = Role(
            id=new_id(IdKind.ROLE, uow.now),
            account="main",
            name=name,
            trust_policy="{}",
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.add(row)
        await uow.flush()
        uow.add(
            InlinePolicy(
                id=new_id(IdKind.POLICY, uow.now),
                account="main",
                name="test",
                document=policy_document(*statements),
                principal_id=row.id,
                created_at=uow.now,
                updated_at=uow.now,
            )
        )
        uow.emit(EventType.ROLE_CREATED, row)
        return uow.arn(row)


class TestAnswers:
    async def test_allowed_names_the_statement_that_allowed(
        self, world: World, asker: Actor
    ) -> None:
        orders = await world.actor(allow("billing:Get*"))
        decision = await decide(asker, principal=orders.arn)
        assert (decision["decision"], decision["allowed"]) == ("allowed", True)
        assert decision["matched"] == [
            {
                "layer": "identity",
                "policy": "inline:test",
                "statement": 0,
                "sid": None,
                "effect": "Allow",
            }
        ]
        assert decision["decision_id"].startswith("dec_")

    async def test_a_deny_and_a_silence_differ(self, world: World, asker: Actor) -> None:
        denied = await world.actor(allow("*"), deny("billing:*"))
        silent = await world.actor(allow("other:*"))
        assert (await decide(asker, principal=denied.arn))["decision"] == "explicitDeny"
        assert (await decide(asker, principal=silent.arn))["decision"] == "implicitDeny"

    async def test_a_batch_is_answered_in_order(self, world: World, asker: Actor) -> None:
        yes = await world.actor(allow("billing:*"))
        no = await world.actor()
        answer = await ask(asker, *({**READ, "principal": who.arn} for who in (yes, no, yes)))
        outcomes = [decision["allowed"] for decision in answer.json()["decisions"]]
        assert outcomes == [True, False, True]

    async def test_the_callers_context_reaches_the_conditions(
        self, world: World, asker: Actor
    ) -> None:
        small = {**allow("billing:*"), "Condition": {"NumericLessThan": {"billing:amount": "100"}}}
        orders = await world.actor(small)
        for amount, expected in ((99, True), (100, False)):
            decision = await decide(asker, principal=orders.arn, context={"billing:amount": amount})
            assert decision["allowed"] is expected

    async def test_a_session_is_its_role_narrowed_by_the_session_policy(
        self, world: World, asker: Actor
    ) -> None:
        arn = await role(world, allow("billing:*"))
        session = {"role": arn, "name": "ci-42"}
        narrow = policy_document(allow("billing:ListInvoices"))
        assert (await decide(asker, session=session))["allowed"]
        narrowed = await decide(asker, session={**session, "policy": narrow})
        assert (narrowed["decision"], narrowed["blocked_by"]) == ("implicitDeny", "session")

    async def test_what_changes_is_seen_by_the_next_question(
        self, world: World, asker: Actor
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        assert (await decide(asker, principal=orders.arn))["allowed"]
        async with world.work() as uow:
            policy = await uow.scalar(
                select(InlinePolicy).where(InlinePolicy.principal_id == orders.id)
            )
            await uow.session.delete(policy)
            uow.emit(EventType.SERVICE_INLINE_POLICY_DELETED, await uow.get(Principal, orders.id))
        assert not (await decide(asker, principal=orders.arn))["allowed"]

    async def test_a_disabled_principal_is_allowed_nothing(
        self, world: World, asker: Actor
    ) -> None:
        orders = await world.actor(allow("*"))
        async with world.work() as uow:
            row = await uow.get(Principal, orders.id)
            assert row is not None
            row.status = PrincipalStatus.DISABLED
            uow.emit(EventType.SERVICE_DISABLED, row)
        assert (await decide(asker, principal=orders.arn))["decision"] == "implicitDeny"


@pytest.mark.any_database
class TestTokens:
    async def test_a_service_may_always_ask_about_a_token_that_is_for_it(
        self, world: World, billing: Actor
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        token = await world.token_for(orders.id, audience="https://billing")
        assert (await decide(billing, token=token))["allowed"]

    async def test_but_not_for_the_actions_of_another_service(
        self, world: World, billing: Actor
    ) -> None:
        orders = await world.actor(allow("*"))
        token = await world.token_for(orders.id, audience="https://billing")
        answer = await ask(billing, {**READ, "token": token, "action": "iam:CreateUser"})
        assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")

    async def test_nor_about_a_token_for_somebody_else(self, world: World, billing: Actor) -> None:
        orders = await world.actor(allow("*"))
        token = await world.token_for(orders.id, audience="https://shipping")
        assert (await ask(billing, {**READ, "token": token})).status_code == 403

    @pytest.mark.parametrize("damage", ["expired", "truncated", "foreign", "disabled"])
    async def test_a_token_that_is_not_good_is_answered_by_a_refusal(
        self, world: World, billing: Actor, damage: str
    ) -> None:
        orders = await world.actor(allow("*"))
        token = await world.token_for(orders.id, audience="https://billing")
        if damage == "expired":
            await world.advance(timedelta(hours=1))
            billing = await world.actor(name="billing2")
        if damage == "truncated":
            token = token[:-5]
        if damage == "foreign":
            token = "eyJhbGciOiJub25lIn0.e30."
        if damage == "disabled":
            async with world.work() as uow:
                row = await uow.get(Principal, orders.id)
                assert row is not None
                row.principal_epoch += 1
                uow.emit(EventType.SERVICE_DISABLED, row)
        decision = await decide(billing, token=token)
        assert (decision["allowed"], decision["error"]["code"]) == (False, "token_inactive")


@pytest.mark.any_database
class TestRefused:
    async def test_who_may_not_ask_gets_no_answer_and_is_recorded(self, world: World) -> None:
        curious = await world.actor()
        orders = await world.actor(allow("billing:*"))
        answer = await ask(curious, {**READ, "principal": orders.arn})
        assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")
        (event,) = [e for e in await world.events() if e.outcome == "denied"]
        assert event.decision_id == answer.json()["decision_id"]

    async def test_aa_06_one_forbidden_question_refuses_the_batch(self, world: World) -> None:
        known = await world.actor(allow("billing:*"))
        other = await world.actor()
        asker = await world.actor(allow("decisions:Evaluate", on=known.arn))
        questions = [{**READ, "principal": known.arn}, {**READ, "principal": other.arn}]
        assert (await ask(asker, questions[0])).status_code == 200
        assert (await ask(asker, *questions)).status_code == 403

    async def test_a_grant_can_be_bound_to_an_action_prefix(self, world: World) -> None:
        bound = {
            **allow("decisions:Evaluate"),
            "Condition": {"StringEquals": {"decisions:ActionPrefix": "billing"}},
        }
        asker = await world.actor(bound)
        orders = await world.actor()
        assert (await ask(asker, {**READ, "principal": orders.arn})).status_code == 200
        other = {**READ, "principal": orders.arn, "action": "shipping:Send"}
        assert (await ask(asker, other)).status_code == 403

    async def test_pe_25_a_caller_cannot_say_who_the_principal_is(
        self, world: World, asker: Actor
    ) -> None:
        orders = await world.actor()
        question = {**READ, "principal": orders.arn, "context": {"iam:PrincipalArn": "x"}}
        answer = await ask(asker, question)
        assert (answer.status_code, answer.json()["code"]) == (400, "context_key_reserved")

    async def test_mt_another_accounts_principal_needs_a_grant_over_there(
        self, world: World, asker: Actor
    ) -> None:
        await world.account("acme")
        stranger = await world.actor(allow("*"), account="acme")
        answer = await ask(asker, {**READ, "principal": stranger.arn})
        assert answer.status_code == 403

    @pytest.mark.parametrize("kind", ["service", "role"])
    async def test_mt_05_who_may_not_ask_does_not_learn_who_exists(
        self, world: World, asker: Actor, kind: str
    ) -> None:
        curious = await world.actor()
        await world.account("acme")
        arns = [f"arn:iam:iam::{account}:{kind}/nobody" for account in ("main", "acme")]
        for arn in arns:
            named = (
                {"principal": arn}
                if kind == "service"
                else {"session": {"role": arn, "name": "ci"}}
            )
            answer = await ask(curious, {**READ, **named})
            assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")
        # Who may ask in its own account learns nothing about another one.
        assert (await ask(asker, {**READ, "principal": arns[0]})).status_code == 200
        assert (await ask(asker, {**READ, "principal": arns[1]})).status_code == 403

    async def test_without_a_token_for_this_service_nobody_asks(
        self, world: World, asker: Actor
    ) -> None:
        foreign = await world.token_for(asker.id, audience="https://billing")
        answers = [
            await world.http.post("/v1/decisions", json={}),
            await world.client(foreign).post("/v1/decisions", json={}),
            await world.client("x.y.z").post("/v1/decisions", json={}),
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401]

    async def test_other_methods_and_bodies_are_refused(self, asker: Actor) -> None:
        form = await asker.http.post("/v1/decisions", data={"a": "b"})
        empty = await asker.http.post("/v1/decisions")
        read = await asker.http.get("/v1/decisions")
        assert [form.status_code, empty.status_code, read.status_code] == [415, 422, 405]

    async def test_a_replica_that_lost_sight_of_the_database_answers_nothing(
        self, world: World, asker: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(world.runtime.changes, "_read_at", float("-inf"))
        monkeypatch.setattr(world.runtime.changes, "poll", lambda: None)
        answer = await ask(asker, {**READ, "principal": asker.arn})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_mt_13_a_long_batch_lets_the_question_of_another_account_pass(
    world: World, asker: Actor
) -> None:
    await world.account("acme")
    other = await world.actor(allow("decisions:Evaluate"), account="acme")
    answered: list[str] = []

    async def put(name: str, actor: Actor, count: int) -> None:
        answer = await ask(actor, *[{**READ, "principal": actor.arn}] * count)
        assert answer.status_code == 200, answer.text
        answered.append(name)

    for name, actor in (("batch", asker), ("one", other)):
        await put(name, actor, 1)  # all is in memory now
    answered.clear()
    await asyncio.gather(put("batch", asker, 100), put("one", other, 1))
    assert answered == ["one", "batch"]
