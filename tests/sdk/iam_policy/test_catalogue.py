import json
from typing import Any

import pytest

from iam_policy.catalogue import (
    AccessLevel,
    CatalogueError,
    KeyType,
    catalogue_document,
    parse_catalogue,
)

BILLING: dict[str, Any] = {
    "prefix": "billing",
    "actions": [
        {
            "name": "GetInvoice",
            "access_level": "read",
            "resource_types": ["invoice"],
            "condition_keys": ["billing:Currency", "iam:TagKeys"],
            "description": "Read one",
        },
        {"name": "ListInvoices", "access_level": "list"},
    ],
    "resource_types": [
        {
            "name": "invoice",
            "arn_format": "arn:${Partition}:billing::${Account}:invoice/${Id}",
            "condition_keys": ["iam:ResourceTag/${TagKey}"],
        }
    ],
    "condition_keys": [
        {"name": "billing:Currency", "type": "String"},
        {"name": "billing:Labels", "type": "ArrayOfString"},
    ],
}


def defects(value: object) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(value if isinstance(value, str) else json.dumps(value))
    return [str(defect) for defect in caught.value.defects]


def paths(**members: object) -> list[str]:
    return [defect.partition(":")[0] for defect in defects(BILLING | members)]


def test_a_catalogue_is_read_into_values() -> None:
    found = parse_catalogue(json.dumps(BILLING))
    assert found.prefix == "billing"
    assert [one.access_level for one in found.actions] == [AccessLevel.READ, AccessLevel.LIST]
    assert found.actions[0].resource_types == ("invoice",)
    assert found.condition_keys[1].type is KeyType.STRINGS
    assert [one.type.is_multivalued for one in found.condition_keys] == [False, True]


def test_a_catalogue_is_written_as_it_was_read() -> None:
    assert catalogue_document(parse_catalogue(json.dumps(BILLING))) == BILLING
    small = {"prefix": "a", "actions": [{"name": "B", "access_level": "write"}]}
    assert catalogue_document(parse_catalogue(json.dumps(small))) == small


def test_what_is_no_object_is_refused() -> None:
    assert defects("[]") == ["$: found an empty list, expected an object with prefix and actions"]
    assert defects("{") == [
        "$: found not valid JSON at character 1, expected a JSON action catalogue"
    ]


def test_equal_members_are_refused() -> None:
    assert "the same member twice" in defects('{"prefix": "a", "prefix": "b"}')[0]


def test_every_defect_is_told_at_once() -> None:
    found = defects(
        {
            "prefix": "Billing",
            "version": 1,
            "actions": [
                {"name": "Get Invoice", "access_level": "red", "levels": []},
                "ListInvoices",
                {"name": "A", "access_level": "list", "resource_types": "x", "description": 1},
            ],
            "resource_types": [{"name": "", "arn_format": "arn:x"}],
            "condition_keys": [{"name": "Currency", "type": "Money"}],
        }
    )
    assert [one.partition(": ")[0] for one in found] == [
        "$.version",
        "$.prefix",
        "$.condition_keys[0].name",
        "$.condition_keys[0].type",
        "$.resource_types[0].arn_format",
        "$.resource_types[0].name",
        "$.actions[1]",
        "$.actions[0].levels",
        "$.actions[0].name",
        "$.actions[0].access_level",
        "$.actions[2].description",
        "$.actions[2].resource_types",
    ]


@pytest.mark.parametrize("actions", [None, [], {}, [{}] * 1_001], ids=["null", "[]", "{}", "many"])
def test_actions_are_a_bounded_list_of_at_least_one(actions: object) -> None:
    assert paths(actions=actions, resource_types=[])[0] == "$.actions"


@pytest.mark.parametrize(
    ("text", "is_format"),
    [
        ("arn:${Partition}:billing::${Account}:invoice/${Path}${Name}", True),
        ("arn:aws:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:billing:main:invoice", False),
        ("arn:aws::x:y:invoice", False),
        ("arn:aws:billing::main:invoice/*", False),
        ("arn:aws:billing::main:invoice/${a:b}", False),
        ("", False),
    ],
)
def test_an_arn_format_has_six_segments_and_placeholders_for_wildcards(
    text: str, is_format: bool
) -> None:
    kind = {"name": "invoice", "arn_format": text}
    if is_format:
        found = parse_catalogue(json.dumps(BILLING | {"resource_types": [kind]}))
        assert found.resource_types[0].arn_format == text
    else:
        assert paths(resource_types=[kind]) == ["$.resource_types[0].arn_format"]


@pytest.mark.parametrize(
    ("name", "is_key"),
    [
        ("billing:Currency", True),
        ("billing:ResourceTag/${TagKey}", True),
        ("iam:ResourceTag/${TagKey}", True),
        ("crm:Currency", False),
        ("billing:Tag/team", False),
        ("billing", False),
    ],
)
def test_a_condition_key_is_the_services_own_or_global(name: str, is_key: bool) -> None:
    keys = [*BILLING["condition_keys"], {"name": name, "type": "String"}][-1:]
    document = BILLING | {"condition_keys": keys, "actions": BILLING["actions"][1:]}
    if is_key:
        assert parse_catalogue(json.dumps(document)).condition_keys[0].name == name
    else:
        assert defects(document)[0].startswith("$.condition_keys[0].name: ")


def test_names_are_unique_in_any_case() -> None:
    twice = [*BILLING["actions"], {"name": "getinvoice", "access_level": "read"}]
    assert paths(actions=twice) == ["$.actions[2].name"]
    keys = [*BILLING["condition_keys"], {"name": "billing:currency", "type": "String"}]
    assert paths(condition_keys=keys) == ["$.condition_keys[2].name"]


def test_what_is_named_must_be_there() -> None:
    action = {
        "name": "GetInvoice",
        "access_level": "read",
        "resource_types": ["invoice", "bill"],
        "condition_keys": ["billing:currency", "billing:Country", "aws:SourceIp"],
    }
    kind = BILLING["resource_types"][0] | {"condition_keys": ["billing:Country"]}
    assert paths(actions=[action], resource_types=[kind]) == [
        "$.actions[0].resource_types[1]",
        "$.actions[0].condition_keys[1]",
        "$.resource_types[0].condition_keys[0]",
    ]
