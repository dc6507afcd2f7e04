"""What principals with the same policies share, and for how long."""

import gc
import json
import weakref

from iam.authz.facts import PrincipalFacts
from iam.authz.surroundings import policy_set
from iam_policy import DocumentKind

READ = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "a:B", "Resource": "*"}}


def facts(name: str) -> PrincipalFacts:
    return PrincipalFacts(
        id=f"svc_{name}",
        arn=f"arn:iam:iam::main:service/{name}",
        account="main",
        kind="service",
        name=name,
        is_active=True,
        epoch=1,
        tags={},
        identity=policy_set([("only-here", json.dumps(READ))], DocumentKind.IDENTITY),
        boundary=None,
        depends_on=frozenset(),
    )


def test_what_the_engine_remembers_is_shared_by_all_with_the_same_policies() -> None:
    one, other = facts("one"), facts("other")
    assert one.layers is other.layers


def test_nothing_is_remembered_about_policies_that_nobody_has_any_more() -> None:
    one = facts("one")
    layers, policies = weakref.ref(one.layers), weakref.ref(one.identity)
    one.layers.plan("a:B")
    del one
    gc.collect()
    assert layers() is None
    assert policies() is None
