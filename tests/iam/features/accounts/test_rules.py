import pytest

from iam.errors import IamError
from iam.features.accounts.rules import check_account_name


@pytest.mark.parametrize("name", ["a", "acme", "acme-2", "a" * 63, "123456789012", "000000000000"])
def test_letters_digits_and_inner_hyphens_or_twelve_digits_name_an_account(name: str) -> None:
    check_account_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "-a", "a-", "1a", "12345678901", "1234567890123", "a_b", "a.b", "a b", "a/b",
     "a:b", "*", "a" * 64, "acm\u00e9", "acme\n", "\u0661" * 12],
)  # fmt: skip
def test_nothing_else_does(name: str) -> None:
    with pytest.raises(IamError) as caught:
        check_account_name(name)
    assert caught.value.code == "account_name_invalid"


@pytest.mark.parametrize("name", ["main", "iam", "aws"])
def test_reserved_names_are_nobodys(name: str) -> None:
    with pytest.raises(IamError) as caught:
        check_account_name(name)
    assert caught.value.code == "account_name_reserved"
