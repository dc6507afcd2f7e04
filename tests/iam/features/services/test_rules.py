import pytest

from iam.errors import IamError
from iam.features.services.rules import check_arn_as_audience, checked_audiences

ARN = "arn:iam:iam::main:service/billing"
US = ("https://iam.example.com", "https://iam.internal:8443")


def checked(*wanted: str) -> list[str]:
    return checked_audiences(wanted, arn=ARN, reserved=US)


def test_the_services_own_arn_is_always_an_audience_and_each_audience_counts_once() -> None:
    url = "https://billing.example.com/api?v=1"
    assert checked() == [ARN]
    assert checked(url, url, ARN) == [ARN, url]


@pytest.mark.parametrize(
    "audience",
    ["http://billing:8080", "urn:example:billing", "spiffe://main/billing", "https://x/%C3%A9"],
)
def test_absolute_uris_are_audiences(audience: str) -> None:
    assert audience in checked(audience)


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "billing",
        "/billing",
        "//billing.example.com",
        "https://billing.example.com#part",
        "https://billing.example.com/#",
        "https://",
        "https:billing",
        "https://user@billing.example.com",
        "https://billing.example.com/a b",
        "https://billing.example.com/\n",
        "https://billing.example.com/%zz",
        "https://b\u00edlling.example.com",
        "1https://billing.example.com",
        "https://billing.example.com/" + "a" * 500,
        "arn:iam:iam::main:service/orders",
        "ARN:iam:iam::main:service/billing",
    ],
)
def test_what_is_no_absolute_uri_or_somebody_elses_arn_is_no_audience(audience: str) -> None:
    with pytest.raises(IamError) as caught:
        checked(audience)
    assert caught.value.code == "audience_invalid"


@pytest.mark.parametrize(
    "audience", ["https://iam.example.com", "https://IAM.example.com/", "https://iam.internal:8443"]
)
def test_the_address_of_this_installation_is_no_services_audience(audience: str) -> None:
    with pytest.raises(IamError) as caught:
        checked(audience)
    assert caught.value.code == "audience_invalid"


def test_the_number_of_audiences_is_bounded() -> None:
    assert len(checked(*(f"urn:x:{number}" for number in range(19)))) == 20
    with pytest.raises(IamError) as caught:
        checked(*(f"urn:x:{number}" for number in range(20)))
    assert caught.value.code == "too_many_audiences"


def test_an_arn_that_is_too_long_to_be_an_audience_is_refused() -> None:
    check_arn_as_audience("a" * 512)
    with pytest.raises(IamError) as caught:
        check_arn_as_audience("a" * 513)
    assert caught.value.code == "path_invalid"
