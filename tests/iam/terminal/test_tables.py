from typing import Any

import pytest

from iam.terminal.tables import Column, fields, safe, shown, table

COLUMNS = (Column("Name"), Column("Owner", lambda row: row["owner"]["name"]), Column("Id"))
ROWS: list[dict[str, Any]] = [
    {"name": "alice", "owner": {"name": "payments"}, "id": "usr_1"},
    {"name": "李", "owner": {"name": ""}, "id": "usr_2"},
]


def test_columns_are_aligned_by_the_cells_that_text_takes() -> None:
    assert table(COLUMNS, ROWS, width=0).splitlines() == [
        "NAME   OWNER     ID",
        "alice  payments  usr_1",
        "李     -         usr_2",
    ]


def test_where_the_terminal_is_too_narrow_each_record_is_a_block() -> None:
    assert table(COLUMNS, ROWS, width=23) == table(COLUMNS, ROWS, width=0)
    assert table(COLUMNS, ROWS, width=21).split("\n\n")[1] == "Name   李\nOwner  -\nId     usr_2"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ({}, "-"),
        ([], "-"),
        (False, "no"),
        (0, "0"),
        ({"team": "pay", "site": None}, "team=pay, site=-"),
        (["a", "b"], "a, b"),
        ("2026-07-01T12:00:00.123456Z", "2026-07-01 12:00:00Z"),
    ],
)
def test_a_value_is_shown_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "a\rb", "a\nb", "\u202edcba", "\u200b", "\x9b31m", "\u2028", "\x7f"]
)
def test_nothing_that_is_shown_can_steer_the_terminal(hostile: str) -> None:
    text = safe(hostile)
    assert text.isprintable()
    assert "\\" in text


def test_text_of_any_script_stays_as_it_is() -> None:
    assert safe("Zoë 李 مريم") == "Zoë 李 مريم"


def test_fields_are_aligned() -> None:
    assert (
        fields([("id", "usr_1"), ("display name", "Ann")])
        == "id            usr_1\ndisplay name  Ann"
    )
