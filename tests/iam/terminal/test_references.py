import pytest

from iam.terminal.failures import ExitCode, Failure
from iam.terminal.references import HOLDERS, parse_reference

USER_ID = "usr_01m82r6xb6e2ss8nrqfy9fq0nc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user/alice", "user/alice"),
        ("user/team/pay/alice", "user/alice"),
        ("arn:iam:iam::main:service/team/orders", "service/orders"),
        (USER_ID, f"user/{USER_ID}"),
    ],
)
def test_what_names_its_kind_is_understood(text: str, expected: str) -> None:
    assert str(parse_reference(text, *HOLDERS)) == expected


def test_a_bare_name_is_of_the_only_kind_that_can_be_meant() -> None:
    reference = parse_reference("a+b@x", "user")
    assert reference.path == "/v1/users/a%2Bb%40x"


@pytest.mark.parametrize(
    "text", ["alice", "group/alice", "policy/x", "user/", "user/..", "", "arn:x"]
)
def test_what_cannot_be_meant_is_a_mistake_of_usage(text: str) -> None:
    with pytest.raises(Failure) as failure:
        parse_reference(text, "user", "service")
    assert failure.value.exit_code is ExitCode.USAGE


def test_a_name_cannot_leave_its_place_in_the_address() -> None:
    assert parse_reference("x?y#z%2F", "user").path == "/v1/users/x%3Fy%23z%252F"
