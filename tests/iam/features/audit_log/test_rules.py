"""When the audit log is sealed, and what goes into the file."""

import json

from iam.features.audit_log.rules import SEALED_AFTER, Waiting, file_text


def test_nothing_is_never_due() -> None:
    assert not Waiting().is_due(at=1e9)
    assert not Waiting().seen(0, None, at=5).is_due(at=1e9)


def test_an_entry_waits_a_minute_from_when_it_was_first_seen() -> None:
    waiting = Waiting().seen(1, "evt_a", at=100)
    assert not waiting.is_due(at=159)
    waiting = waiting.seen(7, "evt_a", at=159)
    assert not waiting.is_due(at=159.9)
    assert waiting.is_due(at=160)


def test_when_the_oldest_was_sealed_by_another_the_minute_begins_anew() -> None:
    waiting = Waiting().seen(1, "evt_a", at=100).seen(1, "evt_b", at=150)
    assert not waiting.is_due(at=209)
    assert waiting.is_due(at=210)


def test_a_thousand_entries_do_not_wait() -> None:
    assert not Waiting().seen(SEALED_AFTER - 1, "evt_a", at=0).is_due(at=0)
    assert Waiting().seen(SEALED_AFTER, "evt_a", at=0).is_due(at=0)


def test_lines_are_appended_whole_also_after_a_line_that_has_no_end() -> None:
    lines = [{"a": "b\nc"}, {"d": "\u00e9"}]
    text = file_text(lines, is_torn=False)
    assert [json.loads(line) for line in text.splitlines()] == lines
    assert text.endswith("\n")
    assert file_text(lines, is_torn=True) == f"\n{text}"
