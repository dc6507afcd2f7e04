"""Prefixes, and whose they are."""

import pytest

from iam.authz.catalogues import own_catalogues
from iam.errors import IamError
from iam.features.catalogues.rules import (
    MAX_PREFIX,
    RESERVED,
    check_free,
    checked_catalogue,
    is_prefix,
    may_be_named,
    owns_prefix,
)

PAY = {"name": "Pay", "access_level": "write"}


@pytest.mark.parametrize("text", ["a", "billing", "s3-express", "a" * MAX_PREFIX])
def test_a_prefix_is_a_word_in_lower_case(text: str) -> None:
    assert is_prefix(text)


@pytest.mark.parametrize("text", ["", "Billing", "1a", "a:b", "a/b", "a\0", "a" * (MAX_PREFIX + 1)])
def test_anything_else_is_no_prefix(text: str) -> None:
    assert not is_prefix(text)


def test_the_prefixes_of_this_service_are_reserved() -> None:
    assert {catalogue.prefix for catalogue in own_catalogues()} < RESERVED
    for prefix in RESERVED:
        with pytest.raises(IamError, match="nobody can change it"):
            check_free(prefix)
    check_free("billing")


def test_a_catalogue_is_kept_without_what_is_empty() -> None:
    document = {"prefix": "billing", "actions": [PAY], "resource_types": []}
    expected = '{"prefix":"billing","actions":[{"name":"Pay","access_level":"write"}]}'
    assert checked_catalogue(document, prefix="billing") == expected


def test_every_defect_of_a_catalogue_is_told_with_its_place() -> None:
    actions = [{"name": "Pay!", "access_level": "write"}, {"name": "Get", "access_level": "see"}]
    with pytest.raises(IamError) as raised:
        checked_catalogue({"prefix": "billing", "actions": actions}, prefix="billing")
    assert raised.value.message == "the catalogue has 2 defects"
    places = [defect["path"] for defect in raised.value.detail["errors"]]
    assert places == ["$.actions[0].name", "$.actions[1].access_level"]


def test_a_catalogue_of_another_prefix_is_refused() -> None:
    with pytest.raises(IamError) as raised:
        checked_catalogue({"prefix": "orders", "actions": [PAY]}, prefix="billing")
    assert raised.value.detail["errors"][0]["path"] == "$.prefix"


@pytest.mark.parametrize(
    ("owners", "prefix", "expected"),
    [
        ({}, "billing", True),  # its name, as long as it registered nothing
        ({}, "orders", False),
        ({"pay": "svc_1"}, "pay", True),
        ({"pay": "svc_1"}, "billing", False),  # it chose another
        ({"pay": "svc_1", "billing": "svc_1"}, "billing", True),
        ({"billing": "svc_2"}, "billing", False),  # whoever registers comes first
        ({"pay": "svc_2"}, "billing", True),
        ({"pay": "svc_2"}, "pay", False),
    ],
)
def test_a_service_owns_what_it_registered_and_else_its_name(
    owners: dict[str, str], prefix: str, *, expected: bool
) -> None:
    assert expected is owns_prefix(
        owners, service_id="svc_1", service_name="Billing", prefix=prefix
    )


@pytest.mark.parametrize("prefix", sorted(RESERVED))
def test_nobody_owns_a_reserved_prefix_by_being_called_so(prefix: str) -> None:
    assert not owns_prefix({}, service_id="svc_1", service_name=prefix, prefix=prefix)


def test_a_document_names_what_stands_before_a_colon() -> None:
    assert may_be_named("billing", '{"Action":"billing:get*"}')
    assert not may_be_named("bill", '{"Action":"billing:get*"}')
