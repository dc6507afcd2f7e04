from base64 import b64encode
from urllib.parse import quote_plus

import pytest

from iam.errors import ErrorKind, IamError
from iam.features.oauth import rules
from iam.features.oauth.rules import ClientAuthMethod, parse_basic, parse_form, parse_proof


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


class TestForm:
    def test_names_and_values_are_decoded(self) -> None:
        assert parse_form(b"a+b=1%2B1&c=%C3%A9") == ({"a b": "1+1", "c": "é"}, ())
        assert parse_form("n=é".encode()) == ({"n": "é"}, ())

    def test_what_has_no_value_is_not_there(self) -> None:
        assert parse_form(b"a=&b&=1&&c=2&resource=") == ({"c": "2"}, ())
        assert parse_form(b"") == ({}, ())

    def test_te_10_only_targets_repeat(self) -> None:
        form = b"resource=x%3Aa&audience=x%3Ab&resource=x%3Aa"
        assert parse_form(form) == ({}, ("x:a", "x:b"))
        for repeated in (b"a=1&a=1", b"a=&a=1", b"%61=1&a=2"):
            with pytest.raises(IamError, match="twice"):
                parse_form(repeated)

    def test_ds_09_a_hundred_fields_are_the_most(self) -> None:
        fields = [f"n{n}=1".encode() for n in range(rules.MAX_FIELDS)]
        assert len(parse_form(b"&".join(fields))[0]) == rules.MAX_FIELDS
        with pytest.raises(IamError, match="at most"):
            parse_form(b"&".join([*fields, b"more=1"]))

    @pytest.mark.parametrize("body", [b"a=\xff", b"a=%ff", b"%c3=1", b"a=%ED%A0%80"])
    def test_what_is_not_utf_8_is_refused(self, body: bytes) -> None:
        with pytest.raises(IamError, match="UTF-8"):
            parse_form(body)


class TestBasic:
    @pytest.mark.parametrize("secret", ["a:b", "100%", "p+q r", "schlüssel", "::", "%3A"])
    def test_te_14_both_halves_are_form_encoded(self, secret: str) -> None:
        header = basic(f"{quote_plus('my id:1')}:{quote_plus(secret)}")
        assert parse_basic(header) == ("my id:1", secret)

    def test_te_14_what_was_not_encoded_is_read_as_if_it_were(self) -> None:
        # Our own secrets have nothing to encode; a raw colon or umlaut still survives.
        assert parse_basic(basic("id:a:bü")) == ("id", "a:bü")
        assert parse_basic(basic("id:a+b")) == ("id", "a b")

    @pytest.mark.parametrize(
        "header", ["", "Basic", "Basic !!", basic("nocolon"), "Bearer x", "Basic Zg", "Basic é"]
    )
    def test_what_is_no_basic_header_proves_nothing(self, header: str) -> None:
        with pytest.raises(IamError) as caught:
            parse_basic(header)
        assert (caught.value.kind, caught.value.code) == (
            ErrorKind.UNAUTHENTICATED,
            "invalid_client",
        )

    def test_an_empty_secret_means_a_public_client(self) -> None:
        proof = parse_proof({}, (basic("cli:"),))
        assert (proof.method, proof.client_id) == (ClientAuthMethod.NONE, "cli")


class TestProof:
    def test_a_proof_does_not_show_its_secret(self) -> None:
        proof = parse_proof({"client_id": "a", "client_secret": "very secret"}, ())
        assert proof.method is ClientAuthMethod.CLIENT_SECRET_POST
        assert "very secret" not in repr(proof)

    def test_a_secret_without_a_name_proves_nobody(self) -> None:
        proof = parse_proof({"client_secret": "x"}, ())
        assert (proof.method, proof.client_id) == (ClientAuthMethod.NONE, None)

    @pytest.mark.parametrize(
        ("parameters", "headers"),
        [
            ({"client_secret": "x"}, 1),
            ({"client_assertion": "x"}, 1),
            ({"client_secret": "x", "client_assertion": "y"}, 0),
            ({}, 2),
        ],
    )
    def test_two_proofs_are_refused(self, parameters: dict[str, str], headers: int) -> None:
        with pytest.raises(IamError, match="more than one way"):
            parse_proof(parameters, (basic("a:b"),) * headers)


class TestOneTimeId:
    def test_an_id_fits_its_column_whatever_it_was_made_from(self) -> None:
        ids = {rules.one_time_id("svc_1", jti) for jti in ("", "\x00", "x" * 5000, "é", "\ud800")}
        assert len(ids) == 5
        assert all(len(one) <= 300 and one.isascii() and one.isprintable() for one in ids)
        assert rules.one_time_id("a", "x") != rules.one_time_id("b", "x")
