import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_policy import Arn, ArnError, canonical_defect, is_canonical, names


def test_an_arn_is_taken_apart_and_put_together_again() -> None:
    text = "arn:iam:billing:eu-1:main:invoice/42:draft"
    arn = Arn.parse(text)
    assert arn == Arn("iam", "billing", "eu-1", "main", "invoice/42:draft")
    assert str(arn) == text


@pytest.mark.parametrize(
    "text",
    ["", "*", "arn:iam:billing::main", "urn:iam:a:b:c:d", "arn::s:::r", "arn:p::::r", "arn:p:s:::"],
)
def test_what_lacks_a_segment_is_no_arn(text: str) -> None:
    with pytest.raises(ArnError):
        Arn.parse(text)
    assert not is_canonical(text)


def test_an_arn_has_a_length() -> None:
    assert is_canonical("arn:p:s:::" + "r" * 2_038)
    with pytest.raises(ArnError, match="2048"):
        Arn.parse("arn:p:s:::" + "r" * 2_039)


@pytest.mark.parametrize(
    "resource",
    [
        "user/alice",
        "user/a/b",
        "invoice/*",
        "role/päth/x",
        "group/a b",
        "a:b:c",
        "user/a.b",
        "root",
    ],
)
def test_ordinary_names_are_canonical(resource: str) -> None:
    assert canonical_defect(f"arn:iam:iam::main:{resource}") is None


@pytest.mark.parametrize(
    "resource",
    [
        "user/../admin",
        "user/./admin",
        "user//admin",
        "user/",
        "/user",
        "user%2fadmin",
        "user/%252e%252e/admin",
        "user/admin;x=1",
        "user\\admin",
        "user/admin.",
        "user/admin\x00",
        "user/admin\n",
        "user/admin ",
        " user/admin",
        "user/admin\u200b",
        "user/\uff41dmin",
        "user/e\u0301",
        "user/\u2024\u2024/admin",
        "user/\u202eadmin",
    ],
)
def test_pe_15_pe_23_a_second_way_to_write_a_name_is_not_canonical(resource: str) -> None:
    assert not is_canonical(f"arn:iam:iam::main:{resource}")


@pytest.mark.parametrize("text", ["arn:IAM:iam::main:r", "arn:iam:iam:: main:r", "arn:i*:iam::m:r"])
def test_the_first_segments_are_lower_case(text: str) -> None:
    assert not is_canonical(text)


@given(st.text(alphabet="aZ0-_:/.@=+,*?%;\\ \tä\x00\u2100", max_size=24))
def test_the_short_way_accepts_nothing_that_the_long_way_refuses(resource: str) -> None:
    text = f"arn:iam:billing::main:{resource}"
    assert canonical_defect(text) == names._defect(text)
