"""Who the issuer is, and where it is reached, are two things."""

import pytest

from iam_sdk.endpoints import Endpoints
from iam_sdk.errors import ConfigurationError


def test_the_address_is_the_issuer_unless_given() -> None:
    assert Endpoints.of("https://iam.test").jwks == "https://iam.test/oauth2/jwks"


def test_a_given_address_is_used_and_the_issuer_kept() -> None:
    endpoints = Endpoints.of("https://iam.test/base", "http://127.0.0.1:8000/")
    assert endpoints.issuer == "https://iam.test/base"
    assert endpoints.token == "http://127.0.0.1:8000/oauth2/token"
    assert endpoints.decisions == "http://127.0.0.1:8000/v1/decisions"


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://iam.test/", None),
        ("http://iam.test", None),
        ("https://iam.test", "http://iam:8000"),
        ("https://iam.test?a=b", None),
        ("https://iam.test#a", None),
        ("iam.test", None),
    ],
)
def test_an_issuer_that_is_not_to_be_trusted_is_refused(issuer: str, url: str | None) -> None:
    with pytest.raises(ConfigurationError):
        Endpoints.of(issuer, url)


def test_plain_http_inside_is_a_decision_of_the_operator() -> None:
    endpoints = Endpoints.of("http://iam:8000", allow_http_internal=True)
    assert endpoints.url == "http://iam:8000"
