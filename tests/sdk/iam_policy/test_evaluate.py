"""The order of layers, who is named how, and what happens when something is wrong."""

import json
import time
from typing import Any

import pytest

from iam_policy import DocumentKind, Layers, Principal, build_set, compile_policy, evaluate
from iam_policy.compile import compile_stored
from iam_policy.request import Request
from tests.sdk.iam_policy.scenes import (
    ALICE,
    BUCKET,
    OWNER,
    SESSION,
    ask,
    document,
    policies,
    resource_policy,
    statement,
)

B = "444455556666"
ALLOW = policies(document(statement()))
OTHER = policies(document(statement(Action="ec2:*")))
DENY = policies(document(statement("Deny")))
RCP_DENY = policies(document(statement("Deny")), kind=DocumentKind.RCP)
ROOT = Principal(f"arn:aws:iam::{OWNER}:root", OWNER)
ROLE_ID = "rol_" + "0" * 26
USER_ID = "usr_" + "0" * 26


def names(*values: str) -> dict[str, Any]:
    return {"Principal": {"IAM": list(values)}}


class TestLayers:
    @pytest.mark.parametrize(
        ("layers", "layer"),
        [
            (Layers(identity=DENY, boundary=DENY), "identity"),
            (Layers(identity=ALLOW, boundary=DENY, sessions=DENY), "boundary"),
            (Layers(identity=ALLOW, sessions=DENY), "session"),
            (Layers(identity=ALLOW, scps=(ALLOW, DENY)), "scp"),
            (Layers(identity=DENY, rcps=(RCP_DENY,), scps=(DENY,)), "rcp"),
            (
                Layers(identity=DENY, resource=resource_policy(statement("Deny", **names(OWNER)))),
                "resource",
            ),
        ],
    )
    def test_pe_09_a_deny_in_any_layer_wins_and_is_reported(
        self, layers: Layers, layer: str
    ) -> None:
        decision = ask(layers)
        assert (decision.effect, decision.blocked_by) == ("explicitDeny", layer)
        assert [(match.layer, match.effect) for match in decision.matched] == [(layer, "Deny")]

    def test_pe_08_boundary_and_identity_must_both_allow(self) -> None:
        silent = ask(Layers(identity=OTHER, boundary=ALLOW))
        assert (silent.effect, silent.blocked_by) == ("implicitDeny", "identity")
        bounded = ask(Layers(identity=ALLOW, boundary=OTHER))
        assert (bounded.effect, bounded.blocked_by) == ("implicitDeny", "boundary")

    def test_pe_08_a_boundary_that_denies_beats_a_resource_policy(self) -> None:
        grant = resource_policy(statement(Principal="*"))
        assert ask(Layers(boundary=DENY, resource=grant)).effect == "explicitDeny"

    def test_pe_10_a_session_policy_wider_than_the_role_adds_nothing(self) -> None:
        read = policies(document(statement(Action="s3:Get*")))
        layers = Layers(identity=read, sessions=ALLOW)
        assert ask(layers, SESSION).allowed
        assert ask(layers, SESSION, "s3:PutObject").blocked_by == "identity"

    def test_every_allow_that_was_needed_is_reported(self) -> None:
        rcp = policies(document(statement()), kind=DocumentKind.RCP)
        layers = Layers(
            identity=ALLOW, boundary=ALLOW, sessions=ALLOW, scps=(ALLOW, ALLOW), rcps=(rcp,)
        )
        matched = [match.layer for match in ask(layers, SESSION).matched]
        assert matched == ["rcp", "scp", "scp", "identity", "boundary", "session"]

    @pytest.mark.parametrize("place", ["scps", "rcps"])
    def test_a_guardrail_level_without_policies_allows_nothing(self, place: str) -> None:
        empty: dict[str, Any] = {place: (build_set([]),)}
        decision = ask(Layers(identity=ALLOW, **empty))
        assert (decision.effect, decision.blocked_by) == ("implicitDeny", place[:3])

    def test_guardrails_bind_the_account_root(self) -> None:
        assert ask(Layers(), ROOT).allowed
        assert ask(Layers(scps=(OTHER,)), ROOT).blocked_by == "scp"
        assert ask(Layers(rcps=(RCP_DENY,)), ROOT).effect == "explicitDeny"
        stopped = resource_policy(statement("Deny", **names(OWNER)))
        assert ask(Layers(resource=stopped), ROOT).effect == "explicitDeny"
        assert ask(Layers(sessions=OTHER), ROOT).blocked_by == "session"


class TestAccounts:
    def test_root_is_not_root_of_another_account(self) -> None:
        assert ask(Layers(), ROOT, owner=B).blocked_by == "resource"
        trusting = resource_policy(statement(**names(OWNER)))
        assert ask(Layers(resource=trusting), ROOT, owner=B).allowed

    @pytest.mark.parametrize("arn", ["arn:aws:sts::1:root", "arn:aws:iam::1:user/x:root"])
    def test_only_the_account_itself_is_root(self, arn: str) -> None:
        assert not Principal(arn, "1").is_root
        assert not ask(Layers(), Principal(arn, OWNER)).allowed

    def test_the_owner_is_taken_from_the_arn_then_from_the_caller(self) -> None:
        layers = Layers(identity=ALLOW)
        assert ask(layers, owner=None).allowed
        assert ask(layers, resource="*", owner=None).allowed
        assert ask(layers, resource=f"arn:aws:sqs::{OWNER}:q", owner=None).allowed
        assert ask(layers, resource=f"arn:aws:sqs::{B}:q", owner=None).blocked_by == "resource"

    def test_a_caller_with_an_arn_but_without_account_is_nobodys(self) -> None:
        lost = Principal(ALICE.arn, None)
        assert not ask(Layers(identity=ALLOW), lost, owner=None).allowed
        grant = resource_policy(statement(**names(str(ALICE.arn))))
        assert ask(Layers(resource=grant), lost, owner=None).blocked_by == "identity"

    def test_across_accounts_even_a_direct_grant_passes_all_limits(self) -> None:
        grant = resource_policy(statement(**names(str(SESSION.arn))))
        both = Layers(identity=ALLOW, resource=grant)
        assert ask(both, SESSION, owner=B).allowed
        assert [m.layer for m in ask(both, SESSION, owner=B).matched] == ["resource", "identity"]
        limited = Layers(identity=ALLOW, resource=grant, sessions=OTHER)
        assert ask(limited, SESSION, owner=B).blocked_by == "session"


class TestNaming:
    def test_a_role_is_found_behind_its_session(self) -> None:
        for value in (
            f"arn:aws:iam::{OWNER}:role/app",
            f"arn:aws:iam::{OWNER}:role/team/app",
            str(SESSION.arn),
        ):
            assert ask(Layers(resource=resource_policy(statement(**names(value)))), SESSION).allowed
        for value in (f"arn:aws:iam::{B}:role/app", f"arn:aws:iam::{OWNER}:role/app/s1"):
            grant = resource_policy(statement(**names(value)))
            assert not ask(Layers(resource=grant), SESSION).allowed

    def test_a_known_role_is_compared_with_its_path(self) -> None:
        arn = f"arn:aws:iam::{OWNER}:role/team/app"
        session = Principal(SESSION.arn, OWNER, role_arn=arn)
        assert ask(Layers(resource=resource_policy(statement(**names(arn)))), session).allowed
        twin = names(f"arn:aws:iam::{OWNER}:role/other/app")
        assert not ask(Layers(resource=resource_policy(statement(**twin))), session).allowed

    def test_pe_12_an_id_names_the_caller_and_its_name_does_not_matter(self) -> None:
        grant = resource_policy(statement(**names(USER_ID)))
        assert ask(Layers(resource=grant), Principal(ALICE.arn, OWNER, USER_ID)).allowed
        again = Principal(ALICE.arn, OWNER, USER_ID[:-1] + "1")
        assert not ask(Layers(resource=grant), again).allowed
        assert not ask(Layers(resource=grant), ALICE).allowed

    def test_a_roles_id_names_its_sessions_within_their_limits(self) -> None:
        grant = resource_policy(statement(**names(ROLE_ID)))
        session = Principal(SESSION.arn, OWNER, ROLE_ID)
        assert ask(Layers(resource=grant), session).allowed
        assert ask(Layers(resource=grant, boundary=OTHER), session).blocked_by == "boundary"
        role = Principal(f"arn:aws:iam::{OWNER}:role/app", OWNER, ROLE_ID)
        assert ask(Layers(resource=grant, boundary=OTHER), role).allowed

    def test_a_federated_user_is_limited_by_what_its_session_passes(self) -> None:
        user = str(ALICE.arn)
        arn = f"arn:aws:sts::{OWNER}:federated-user/alice"
        federated = Principal(arn, OWNER, user_arn=user)
        grant = resource_policy(statement(**names(user)))
        assert ask(Layers(resource=grant, sessions=ALLOW), federated).allowed
        assert ask(Layers(resource=grant, sessions=OTHER), federated).blocked_by == "session"
        assert ask(Layers(resource=grant), federated).blocked_by == "session"
        assert ask(Layers(identity=ALLOW), federated).blocked_by == "session"
        assert ask(Layers(identity=ALLOW, sessions=ALLOW), federated).allowed
        direct = resource_policy(statement(**names(arn)))
        assert ask(Layers(resource=direct), federated).allowed

    def test_a_session_policy_of_a_user_limits_every_grant(self) -> None:
        grant = resource_policy(statement(**names(str(ALICE.arn))))
        assert ask(Layers(resource=grant, sessions=OTHER)).blocked_by == "session"
        allowed = ask(Layers(resource=grant, sessions=ALLOW, boundary=OTHER))
        assert [match.layer for match in allowed.matched] == ["resource", "session"]

    def test_providers_are_named_as_federated_only(self) -> None:
        arn = f"arn:aws:iam::{OWNER}:saml-provider/okta"
        provider = Principal(arn, OWNER, is_federated=True)
        trust = policies(
            document(
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRoleWithSAML",
                    "Principal": {"Federated": arn},
                }
            ),
            kind=DocumentKind.TRUST,
        )
        layers = Layers(resource=trust, resource_policy_required=True)
        assert ask(layers, provider, "sts:AssumeRoleWithSAML").allowed
        other = Principal(arn + "2", OWNER, is_federated=True)
        assert ask(layers, other, "sts:AssumeRoleWithSAML").blocked_by == "resource"
        not_federated = Principal(arn, OWNER)
        assert not ask(layers, not_federated, "sts:AssumeRoleWithSAML").allowed

    def test_services_and_anonymous_callers_see_no_guardrail_for_principals(self) -> None:
        grant = resource_policy(
            statement(Principal={"Service": "ec2.amazonaws.com"}),
            statement(Action="s3:ListBucket", Principal="*"),
        )
        layers = Layers(resource=grant, scps=(DENY,))
        service, nobody = Principal("ec2.amazonaws.com", None), Principal(None, None)
        assert ask(layers, service).allowed
        assert ask(layers, Principal("s3.amazonaws.com", None)).blocked_by == "resource"
        assert ask(layers, nobody, "s3:ListBucket").allowed
        assert ask(layers, nobody).blocked_by == "resource"
        stopped = Layers(resource=grant, rcps=(RCP_DENY,))
        assert ask(stopped, service).effect == ask(stopped, nobody).effect == "explicitDeny"

    def test_a_required_policy_must_allow_the_root_too(self) -> None:
        trust = policies(
            document({"Effect": "Allow", "Action": "sts:*", **names(OWNER)}),
            kind=DocumentKind.TRUST,
        )
        layers = Layers(resource=trust, resource_policy_required=True)
        assert ask(layers, ROOT, "sts:AssumeRole").allowed
        assert ask(layers, ROOT, "s3:GetObject").blocked_by == "resource"


class TestPe14NotElements:
    def test_pe_14_not_action_with_allow_reaches_other_services(self) -> None:
        own = policies(document(statement(NotAction=["iam:*", "s3:Put*"])))
        assert ask(Layers(identity=own)).allowed
        assert ask(Layers(identity=own), action="ec2:RunInstances").allowed
        assert not ask(Layers(identity=own), action="S3:putobject").allowed

    def test_pe_14_not_action_of_everything_is_nothing(self) -> None:
        own = policies(document(statement(NotAction="*")))
        assert not ask(Layers(identity=own)).allowed

    def excepting(self, *values: str) -> Layers:
        return Layers(
            identity=ALLOW,
            resource=resource_policy(statement("Deny", NotPrincipal={"AWS": list(values)})),
        )

    def test_pe_14_a_session_escapes_only_if_all_three_are_listed(self) -> None:
        session, role, account = str(SESSION.arn), f"arn:aws:iam::{OWNER}:role/app", OWNER
        assert ask(self.excepting(session, role, account), SESSION).allowed
        for two in ((session, role), (session, account), (role, account)):
            assert ask(self.excepting(*two), SESSION).effect == "explicitDeny"

    def test_pe_14_an_account_listed_spares_its_root_and_nobody_else(self) -> None:
        assert ask(self.excepting(OWNER), ROOT).allowed
        assert not ask(self.excepting(OWNER)).allowed
        assert not ask(self.excepting(B), ROOT).allowed

    def test_pe_14_a_boundary_makes_the_exception_void(self) -> None:
        layers = self.excepting(str(ALICE.arn))
        assert ask(layers).allowed
        bounded = Layers(identity=ALLOW, resource=layers.resource, boundary=ALLOW)
        assert ask(bounded).effect == "explicitDeny"

    def test_pe_14_anonymous_callers_cannot_be_excepted(self) -> None:
        assert ask(self.excepting(OWNER), Principal(None, None)).effect == "explicitDeny"

    def test_pe_14_an_imported_allow_grants_to_all_who_are_not_listed(self) -> None:
        listed = resource_policy(
            statement(NotPrincipal={"AWS": f"arn:aws:iam::{OWNER}:role/app"}), imported=True
        )
        assert ask(Layers(resource=listed)).allowed
        assert ask(Layers(resource=listed), Principal(None, None)).allowed
        assert not ask(Layers(resource=listed), SESSION).allowed


class TestPe29FailClosed:
    def test_pe_29_a_defective_stored_policy_denies_in_every_layer(self) -> None:
        broken = build_set([("arn:x", compile_stored("{", DocumentKind.IDENTITY))])
        places: list[dict[str, Any]] = [
            {"identity": broken},
            {"boundary": broken},
            {"sessions": broken},
            {"resource": broken},
            {"scps": (broken,)},
            {"rcps": (broken,)},
        ]
        for place in places:
            decision = ask(Layers(**({"identity": ALLOW} | place)))
            assert decision.effect == "implicitDeny"
            assert decision.findings == ("arn:x: a stored identity policy is defective at $",)
            assert decision.blocked_by is not None

    def test_pe_29_a_policy_in_the_wrong_layer_denies(self) -> None:
        named = resource_policy(statement(Principal="*"))
        for layers in (Layers(identity=named), Layers(identity=ALLOW, resource=ALLOW)):
            decision = ask(layers)
            assert not decision.allowed
            assert "layer" in decision.findings[0]

    def test_pe_29_an_unexpected_error_denies(self) -> None:
        request = Request(ALICE, "s3:GetObject", 7, {}, OWNER)  # type: ignore[arg-type]  # what must not happen
        own = policies(document(statement(Resource="arn:aws:s3:::*")))
        decision = evaluate(request, Layers(identity=own))
        assert decision.effect == "implicitDeny"
        assert decision.findings == ("error: TypeError",)

    def test_pe_25_keys_that_differ_only_in_case_deny(self) -> None:
        decision = ask(Layers(identity=ALLOW), context={"aws:username": "a", "AWS:Username": "b"})
        assert (decision.allowed, decision.findings) == (
            False,
            ("context keys that differ in case only",),
        )

    def test_an_action_without_service_denies(self) -> None:
        assert ask(Layers(identity=ALLOW), action="*").findings == ("no service prefix",)


class TestPe15Wildcards:
    @pytest.mark.parametrize(
        ("resource", "expected"),
        [
            ("user/alice", True),
            ("user/a/b", True),
            ("user/", True),
            ("user", False),
            ("User/alice", False),
            ("group/user/alice", False),
            ("us\u0435r/alice", False),
        ],
    )
    def test_pe_15_a_trailing_star_takes_paths_and_nothing_before_them(
        self, resource: str, expected: bool
    ) -> None:
        own = policies(document(statement(Resource=f"arn:aws:iam::{OWNER}:user/*")))
        arn = f"arn:aws:iam::{OWNER}:{resource}"
        assert ask(Layers(identity=own), resource=arn).allowed is expected


def hostile_policies() -> list[str]:
    """20 policies of full size, every pattern one that has to be searched for in a long name."""
    texts = []
    for number in range(20):
        gaps = [f"arn:aws:s3:::*{'a?' * 20}{'a' * n}b{number}*" for n in range(30)]
        stars = [f"arn:aws:s3:::*{'a' * n}*a*b{number}*a*c" for n in range(60)]
        texts.append(json.dumps(document(statement(Resource=[*gaps, *stars]))))
    return texts


def test_pe_28_a_decision_at_the_limits_stays_quick() -> None:
    wide = build_set(
        (f"p{place}", compile_policy(text, DocumentKind.IDENTITY))
        for place, text in enumerate(hostile_policies())
    )
    for filling in ("a" * 2_000 + "0123456789cb", "ab" * 1_000):
        times = []
        for place in range(20):
            request = Request(ALICE, "s3:GetObject", f"arn:aws:s3:::{place}{filling}", {}, OWNER)
            started = time.process_time()
            assert not evaluate(request, Layers(identity=wide)).allowed
            times.append(time.process_time() - started)
        # 1,800 patterns, each of which has to search: below 5 ms when nobody else is at work.
        assert min(times) < 0.05


def test_the_default_layers_allow_nothing() -> None:
    decision = evaluate(Request(ALICE, "s3:GetObject", BUCKET), Layers())
    assert (decision.effect, decision.blocked_by) == ("implicitDeny", "identity")
