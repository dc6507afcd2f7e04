"""How events are signed and told, and what patterns stand for."""

import pytest

from iam.errors import IamError
from iam.features.webhooks.rules import (
    check_patterns,
    is_wanted,
    is_wider,
    nats_login,
    nats_subject,
    parse_nats,
    signature,
    slack_text,
)

# The example of the specification at https://www.standardwebhooks.com.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KNOWN = ["iam.user.created.v1", "iam.user.deleted.v1", "iam.group.created.v1"]


def test_wh_09_the_signature_is_that_of_the_specification() -> None:
    signed = signature([SECRET], message_id=ID, timestamp=1614265330, body=BODY)
    assert signed == SIGNATURE


def test_wh_09_during_a_rotation_both_secrets_sign_the_present_one_first() -> None:
    other = "whsec_" + "A" * 44
    signed = signature([other, SECRET], message_id=ID, timestamp=1614265330, body=BODY)
    assert signed.split(" ")[1] == SIGNATURE
    assert signed.count("v1,") == 2


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*", KNOWN),
        ("iam.user.*", KNOWN[:2]),
        ("iam.user.created.v1", KNOWN[:1]),
        ("iam.user.created", []),
    ],
)
def test_a_pattern_stands_for_a_type_or_for_all_that_begin_with_it(
    pattern: str, wanted: list[str]
) -> None:
    assert [each for each in KNOWN if is_wanted([pattern], each)] == wanted


def test_patterns_stand_for_something() -> None:
    check_patterns(["iam.user.*", "*"], known=KNOWN)
    for wrong in (["iam.role.*"], ["iam.user.created"], [], ["*"] * 51):
        with pytest.raises(IamError):
            check_patterns(wrong, known=KNOWN)


def test_to_want_another_type_is_to_want_more() -> None:
    assert is_wider(["*"], ["iam.user.*"], known=KNOWN)
    assert not is_wider(["iam.user.created.v1"], ["iam.user.*"], known=KNOWN)
    assert not is_wider(["*"], ["iam.user.*", "iam.group.*"], known=KNOWN)


def test_no_name_becomes_markup_in_slack() -> None:
    event = {
        "id": "evt_1",
        "type": "iam.user.created.v1",
        "subject": "arn:iam:iam::main:user/<!channel>&",
        "data": {"actor": "<https://evil.example|click>"},
    }
    text = slack_text(event)
    assert "<" not in text
    assert "&lt;!channel&gt;&amp;" in text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nats://nats", ("nats", 4222, False)),
        ("nats://NATS:4333/", ("nats", 4333, False)),
        ("tls://n.example.com", ("n.example.com", 4222, True)),
    ],
)
def test_a_nats_address_is_a_host_and_a_port(url: str, expected: tuple[str, int, bool]) -> None:
    target = parse_nats(url)
    assert (target.host, target.port, target.is_tls) == expected


@pytest.mark.parametrize("url", ["nats://u:p@n", "nats://n:0", "nats://n:65536", "http://n", "n"])
def test_anything_else_is_no_nats_address(url: str) -> None:
    with pytest.raises(IamError):
        parse_nats(url)


def test_what_nats_is_told() -> None:
    assert nats_subject("iam.user.created.v1", "main") == "iam.main.user.created"
    assert nats_login(None) == {}
    assert nats_login("t") == {"token": "t"}
    assert nats_login("u:p:q") == {"user": "u", "password": "p:q"}
