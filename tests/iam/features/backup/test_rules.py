"""What a backup says of itself, and which are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from iam.errors import IamError
from iam.features.backup.rules import (
    Count,
    Header,
    differences,
    file_name,
    last_line,
    parse_counts,
    parse_object,
    parse_table,
    refuse_differences,
    superfluous,
    table_line,
)
from iam.kit.row_lines import Shape, Tally, decoded, encoded

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HEADER = Header(
    id="bak_1", installation="ins_1", schema="0008", database="sqlite", created_at="now",
    restore_epoch=1, audit_head={"last_id": "evt_1"}, key_id="00", recovery="...",
)  # fmt: skip
SHAPE = Shape("t", (("id", "text"), ("at", "instant"), ("hash", "bytes"), ("tags", "json")))


@dataclass
class Made:
    created_at: datetime


def test_what_is_written_is_read_again() -> None:
    assert Header.parse(HEADER.line()) == HEADER
    assert parse_table(parse_object(table_line(SHAPE))) == SHAPE
    counts = {"t": Count(2, "ab")}
    assert parse_counts(parse_object(last_line(counts))) == counts


def test_a_row_is_the_same_line_whichever_database_it_was_read_from() -> None:
    from_sqlite = ["a", NOW.replace(tzinfo=None), b"\x00\xff", {"b": 1, "a": [None, "é"]}]
    from_postgresql = ["a", NOW, b"\x00\xff", {"a": [None, "é"], "b": 1}]
    assert encoded(from_sqlite) == encoded(from_postgresql)
    row = decoded(SHAPE, encoded(from_sqlite))
    assert row == {"id": "a", "at": NOW, "hash": b"\x00\xff", "tags": {"a": [None, "é"], "b": 1}}
    assert encoded(list(row.values())) == encoded(from_sqlite)


def test_a_digest_knows_no_order_and_finds_every_difference() -> None:
    def digest(*lines: bytes) -> str:
        tally = Tally()
        tally.add(lines)
        return tally.digest

    assert digest(b"a", b"b") == digest(b"b", b"a")
    assert len({digest(), digest(b"a"), digest(b"a", b"a"), digest(b"a", b"b")}) == 4


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"format": "iam backup", "version": 1}'])
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(IamError) as caught:
        Header.parse(line)
    assert caught.value.code == "backup_malformed"


def test_a_format_of_another_version_is_refused_with_a_way_out() -> None:
    line = HEADER.line().replace(b'"version":1', b'"version":2')
    with pytest.raises(IamError) as caught:
        Header.parse(line)
    assert caught.value.code == "backup_version"
    assert "the iam that made it" in caught.value.message


@pytest.mark.parametrize("found", [{}, {"tables": {"t": 3}}, {"tables": {"t": [1]}}])
def test_what_is_no_end_is_refused(found: dict[str, object]) -> None:
    with pytest.raises(IamError):
        parse_counts(found)
    with pytest.raises(IamError):
        parse_table(found)


def test_what_differs_is_named() -> None:
    expected = {"a": Count(1, "x"), "b": Count(2, "y"), "c": Count(1, "z")}
    found = {"a": Count(1, "x"), "b": Count(1, "w")}
    lines = differences(expected, found)
    assert lines == [
        "b: expected 2 rows (y), found 1 rows (w)",
        "c: expected 1 rows (z), found nothing",
    ]
    refuse_differences([])
    with pytest.raises(IamError) as caught:
        refuse_differences(lines)
    assert caught.value.code == "backup_differs"


def test_the_oldest_beyond_the_newest_so_many_go() -> None:
    made = [Made(NOW + timedelta(days=day)) for day in (2, 0, 3, 1)]
    assert superfluous(made, keep=2) == [made[3], made[1]]
    assert superfluous(made, keep=9) == []


def test_names_of_files_sort_as_backups_were_made() -> None:
    first = file_name(created_at=NOW, id="bak_zzzzzz")
    assert first < file_name(created_at=NOW + timedelta(seconds=1), id="bak_aaaaaa")
    assert first == "iam-20260701T120000Z-zzzzzz.iambackup"
