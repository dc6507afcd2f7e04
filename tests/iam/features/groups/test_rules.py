import pytest

from iam.errors import IamError
from iam.features.groups.rules import check_member_kind


@pytest.mark.parametrize("kind", ["user", "service"])
def test_users_and_services_may_be_in_a_group(kind: str) -> None:
    check_member_kind(kind)


@pytest.mark.parametrize("kind", ["group", "role", "User", "", "x" * 500])
def test_pe_26_nothing_else_may_be_in_a_group(kind: str) -> None:
    with pytest.raises(IamError) as caught:
        check_member_kind(kind)
    assert caught.value.code == "member_kind_invalid"
    assert len(caught.value.message) < 120
