"""Templates say what they say, and no value becomes markup or a header."""

from email import message_from_bytes, policy

import pytest

from iam.errors import IamError
from iam.features.mail.rules import (
    Content,
    check_address,
    check_wording,
    message_of,
    rendered,
)
from iam.features.mail.shipped import TEMPLATES, Wording

KNOWN = frozenset({"name", "url"})


def test_values_stand_where_the_template_says() -> None:
    wording = Wording("For {{ name }}", "Go to {{url}}.", "<a href='{{ url }}'>{{ name }}</a>")
    found = rendered(wording, {"name": "A & B", "url": "https://x/?a=1&b='"}, recipient="a@b.c")
    assert found.subject == "For A & B"
    assert found.text == "Go to https://x/?a=1&b='."
    assert found.html == "<a href='https://x/?a=1&amp;b=&#x27;'>A &amp; B</a>"


def test_a_value_is_never_read_as_a_template() -> None:
    found = rendered(
        Wording("s", "{{ name }}"), {"name": "{{ url }}", "url": "secret"}, recipient="a@b.c"
    )
    assert found.text == "{{ url }}"


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\u2028", "\u0085", "\0"])
def test_wh_06_no_value_begins_another_header(line_break: str) -> None:
    wording = Wording("For {{ name }}", "t")
    found = rendered(wording, {"name": f"x{line_break}Bcc: all@evil.example"}, recipient="a@b.c")
    assert found.subject == "For x Bcc: all@evil.example"
    raw = message_of(found, mail_id="eml_1", sender="iam@b.c", domain="b.c")
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "From", "To", "Subject", "Message-ID", "Auto-Submitted", "Content-Type",
        "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip


@pytest.mark.parametrize(
    "subject",
    ["=?utf-8?q?x=0D=0ABcc:_all@evil.example?=", "=?utf-8?b?eA0KQmNjOiBhbGxAZXZpbC5leGFtcGxl?="],
)
def test_wh_06_a_subject_in_encoded_words_begins_no_header(subject: str) -> None:
    content = Content("a@b.c", subject, "t", "")
    raw = message_of(content, mail_id="eml_1", sender="iam@b.c", domain="b.c")
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Bcc"] is None
    assert message["Subject"] == subject.replace("=?", "= ?")


def test_a_message_has_a_plain_text_and_html_and_an_id_of_its_own() -> None:
    content = Content("ana@shop.example", "Grüße", "Grüße, Text", "<p>Grüße</p>")
    raw = message_of(content, mail_id="eml_1", sender="iam@shop.example", domain="iam.example")
    message = message_from_bytes(raw, policy=policy.default)
    assert (message["Subject"], message["Message-ID"]) == ("Grüße", "<eml_1@iam.example>")
    plain, html = message.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content() == "Grüße, Text\r\n"


@pytest.mark.parametrize(
    "address",
    ["a", "a@", "@b", "a b@c.d", "a@b\r\nRCPT TO:<x@y>", "a@b, c@d", '"a b"@c.d', "a@[1.2.3.4]",
     "a@b..c", "a..b@c.d", ".a@c.d", "a.@c.d", "a" * 65 + "@c.d", "<a@b.c>", "a@b.c\n",
     "a@-b.c", "a@" + "b" * 260],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(IamError, match="mail address"):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["a@b.c", "a.b+c@mail.shop.example", "o'x@b.c", "a@localhost", "a" * 64 + "@b.c"]
)
def test_plain_addresses_are_taken_and_make_a_message(address: str) -> None:
    check_address(address)
    assert address.encode() in message_of(
        Content(address, "s", "t", ""), mail_id="eml_1", sender=address, domain="b.c"
    )


@pytest.mark.parametrize(
    "wording",
    [
        Wording("s", "{{ other }}"),
        Wording("s", "{% for i in range(9) %}"),
        Wording("s", "{{ name.__class__ }}"),
        Wording("s", "{{ name | upper }}"),
        Wording("s", "{{ name"),
        Wording("s\nBcc: x@y.z", "t"),
        Wording("s", "t", "{{ config }}"),
    ],
)
def test_a_template_can_do_nothing_but_name_values(wording: Wording) -> None:
    with pytest.raises(IamError) as refused:
        check_wording(wording, known=KNOWN)
    assert refused.value.code == "template_invalid"


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_shipped_texts_are_templates_themselves(name: str) -> None:
    shipped = TEMPLATES[name]
    check_wording(shipped.wording, known=shipped.values)
    found = rendered(shipped.wording, shipped.examples, recipient="a@b.c")
    assert "{{" not in found.subject + found.text + found.html
