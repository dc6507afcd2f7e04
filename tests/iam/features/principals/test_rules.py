import pytest

from iam.errors import IamError
from iam.features.principals.rules import Reference, check_path_prefix, parse_reference
from iam.kit.clock import ManualClock
from iam.kit.ids import IdKind, new_id
from tests.world import NOON


def parsed(text: str) -> Reference | None:
    return parse_reference(text, partition="iam", account="main")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user/alice", Reference("user", "alice")),
        ("group/payments", Reference("group", "payments")),
        ("service/team/orders", Reference("service", "orders", "/team/")),
        ("role/a/b/c", Reference("role", "c", "/a/b/")),
        ("arn:iam:iam::main:user/alice", Reference("user", "alice", "/")),
        ("arn:iam:iam::main:group/team/payments", Reference("group", "payments", "/team/")),
    ],
)
def test_a_reference_is_kind_and_name_or_an_arn(text: str, expected: Reference) -> None:
    assert parsed(text) == expected


def test_an_id_tells_its_kind() -> None:
    now = ManualClock(NOON).now()
    kinds = {"user": IdKind.USER, "service": IdKind.SERVICE, "role": IdKind.ROLE}
    for kind, prefix in {**kinds, "group": IdKind.GROUP}.items():
        identifier = new_id(prefix, now)
        assert parsed(identifier) == Reference(kind, identifier)
    assert parsed(new_id(IdKind.POLICY, now)) is None
    # An id where a name belongs names nothing: it could be of another kind.
    assert parsed(f"user/{new_id(IdKind.GROUP, now)}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "user",
        "user/",
        "/alice",
        "users/alice",
        "user/a\x00",
        "user/al ice",
        "User/alice",
        "policy/reading",
        "arn:iam:iam::acme:user/alice",
        "arn:aws:iam::main:user/alice",
        "arn:iam:sts::main:assumed-role/r/s",
        "arn:iam:iam::main:root",
    ],
)
def test_anything_else_refers_to_nobody(text: str) -> None:
    assert parsed(text) is None


@pytest.mark.parametrize("prefix", ["/", "/team", "/team/", "/a/b", "/" + "a" * 511])
def test_a_path_can_begin_like_this(prefix: str) -> None:
    check_path_prefix(prefix)


@pytest.mark.parametrize("prefix", ["", "team/", "/te am", "/%", "/\x00", "/*", "/" + "a" * 512])
def test_a_path_cannot_begin_like_this(prefix: str) -> None:
    with pytest.raises(IamError) as caught:
        check_path_prefix(prefix)
    assert caught.value.code == "path_prefix_invalid"
