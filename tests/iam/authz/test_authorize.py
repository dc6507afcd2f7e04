"""The server guards itself with its own engine."""

import contextlib

import pytest

from iam.authz.actions import AccessLevel, Action, catalogue
from iam.authz.authorize import authorize
from iam.authz.context import check_callers_context
from iam.errors import ErrorKind, IamError
from iam.kit.ids import IdKind, new_id
from iam.work import Caller
from tests.world import Actor, Statement, World, allow

pytestmark = pytest.mark.anyio
ANYTHING = "arn:iam:iam::main:user/alice"


async def may(
    world: World, actor: Actor, *, address: str | None = None, is_secure: bool = False
) -> bool:
    """Whether the engine lets this actor read Alice, asking from here in this way."""
    who = Caller(
        id=actor.id,
        arn=actor.arn,
        account=actor.account,
        kind="service",
        address=address,
        is_secure=is_secure,
    )
    with contextlib.suppress(IamError):
        async with world.runtime.begin(who, read_only=True) as uow:
            await authorize(uow, Action.GET_USER, ANYTHING)
            return True
    return False


def when(operator: str, key: str, value: str) -> Statement:
    return {**allow("iam:GetUser"), "Condition": {operator: {key: value}}}


class TestContext:
    async def test_the_callers_address_counts(self, world: World) -> None:
        actor = await world.actor(when("IpAddress", "iam:SourceIp", "198.51.100.0/24"))
        assert await may(world, actor, address="198.51.100.7")
        assert not await may(world, actor, address="203.0.113.9")
        assert not await may(world, actor)

    async def test_the_clock_counts_under_both_names(self, world: World) -> None:
        before = await world.actor(when("DateLessThan", "aws:CurrentTime", "2026-07-01T12:00:01Z"))
        after = await world.actor(
            when("DateGreaterThan", "iam:CurrentTime", "2026-07-01T12:00:01Z")
        )
        assert await may(world, before)
        assert not await may(world, after)

    async def test_plain_http_can_be_refused(self, world: World) -> None:
        actor = await world.actor(when("Bool", "iam:SecureTransport", "true"))
        assert await may(world, actor, is_secure=True)
        assert not await may(world, actor)

    async def test_a_variable_means_the_caller(self, world: World) -> None:
        own = await world.actor(
            allow("iam:GetUser", on="arn:iam:iam::main:user/${iam:username}"), name="alice"
        )
        other = await world.actor(
            allow("iam:GetUser", on="arn:iam:iam::main:user/${iam:username}"), name="bob"
        )
        assert await may(world, own)
        assert not await may(world, other)

    @pytest.mark.parametrize(
        "key",
        ["iam:PrincipalArn", "IAM:principaltag/x", "aws:userid", "aws:CurrentTime", "sts:x"],
    )
    def test_pe_25_a_caller_cannot_set_the_servers_keys(self, key: str) -> None:
        with pytest.raises(IamError) as caught:
            check_callers_context({key: "x"})
        assert caught.value.code == "context_key_reserved"
        check_callers_context({"billing:amount": "7", "iam:SourceIp": "198.51.100.7"})


class TestRoot:
    async def test_the_accounts_root_may_do_everything_in_its_account(self, world: World) -> None:
        async with world.work() as uow:
            await authorize(uow, Action.DELETE_USER, ANYTHING)

    async def test_the_accounts_root_reaches_no_other_account(self, world: World) -> None:
        with pytest.raises(IamError) as caught:
            async with world.work() as uow:
                await authorize(uow, Action.DELETE_USER, "arn:iam:iam::acme:user/alice")
        assert caught.value.kind is ErrorKind.DENIED

    async def test_nobody_may_do_nothing(self, world: World) -> None:
        with pytest.raises(IamError) as caught:
            async with world.runtime.begin(Caller.nobody(request_id="r")) as uow:
                await authorize(uow, Action.GET_USER, ANYTHING)
        assert caught.value.code == "authentication_required"


class TestCatalogue:
    def test_every_action_has_a_known_prefix_and_a_level(self) -> None:
        prefixes = {entry.action.prefix for entry in catalogue()}
        assert prefixes == {"iam", "sts", "organizations", "audit", "decisions"}

    @pytest.mark.parametrize(
        ("action", "level"),
        [
            (Action.LIST_USERS, AccessLevel.LIST),
            (Action.GET_POLICY_VERSION, AccessLevel.READ),
            (Action.TAG_ROLE, AccessLevel.TAGGING),
            (Action.UPDATE_USER, AccessLevel.WRITE),
            (Action.ATTACH_GROUP_POLICY, AccessLevel.PERMISSIONS),
            (Action.DELETE_ROLE_PERMISSIONS_BOUNDARY, AccessLevel.PERMISSIONS),
        ],
    )
    def test_levels_are_awss(self, action: Action, level: AccessLevel) -> None:
        assert action.access_level is level


async def test_a_change_that_took_several_questions_has_one_decision_id(
    world: World, admin: Actor
) -> None:
    body = {"name": "reader", "document": {"Version": "2012-10-17", "Statement": [allow("a:B")]}}
    await admin.http.post("/v1/policies", json=body)
    await admin.http.put(f"/v1/services/{admin.name}/attached-policies/reader")
    events = await world.events()
    (attached,) = (event for event in events if event.type == "iam.service.policy_attached.v1")
    assert attached.decision_id is not None
    # May change the holder, and may not hand out the policy: the second question is refused.
    half = await world.actor(allow("iam:AttachServicePolicy", on="arn:iam:iam::main:service/*"))
    refused = await half.http.put(f"/v1/services/{half.name}/attached-policies/reader")
    await world.runtime.tools.denials.flush()
    (entry,) = (event for event in await world.events() if event.outcome == "denied")
    assert refused.status_code == 403
    assert entry.decision_id == refused.json()["decision_id"] != attached.decision_id


async def test_all_questions_of_one_unit_of_work_share_its_decision_id(
    world: World, admin: Actor
) -> None:
    who = Caller(id=admin.id, arn=admin.arn, account=admin.account, kind="service")
    async with world.runtime.begin(who) as uow:
        await authorize(uow, Action.GET_USER, ANYTHING)
        first = uow.decision_id
        await authorize(uow, Action.DELETE_USER, ANYTHING)
        assert uow.decision_id == first
        assert len(uow.authorized) == 2


async def test_mt_05_a_refusal_calls_what_was_asked_for_as_the_caller_did(world: World) -> None:
    nobody = await world.actor()
    target = await world.actor(name="billing")
    answers = [
        await nobody.http.get(f"/v1/services/{reference}")
        for reference in (target.id, new_id(IdKind.SERVICE, world.clock.now()))
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert "billing" not in answers[0].text
