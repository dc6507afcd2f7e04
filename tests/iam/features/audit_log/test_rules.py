"""When the audit log is sealed, and what goes into the file."""

import json

from iam.features.audit_log.rules import Waiting, file_text


def seen(waiting: Waiting, oldest: str | None, *, at: float) -> Waiting:
    return waiting.seen(oldest, are_many=False, at=at)


def test_nothing_is_never_due() -> None:
    assert not Waiting().is_due(at=1e9)
    assert not seen(Waiting(), None, at=5).is_due(at=1e9)


def test_an_entry_waits_a_minute_from_when_it_was_first_seen() -> None:
    waiting = seen(Waiting(), "evt_a", at=100)
    assert not waiting.is_due(at=159)
    waiting = seen(waiting, "evt_a", at=159)
    assert not waiting.is_due(at=159.9)
    assert waiting.is_due(at=160)


def test_when_the_oldest_was_sealed_by_another_the_minute_begins_anew() -> None:
    waiting = seen(seen(Waiting(), "evt_a", at=100), "evt_b", at=150)
    assert not waiting.is_due(at=209)
    assert waiting.is_due(at=210)


def test_many_entries_do_not_wait() -> None:
    assert Waiting().seen("evt_a", are_many=True, at=0).is_due(at=0)


def test_lines_are_appended_whole_also_after_a_line_that_has_no_end() -> None:
    lines = [{"a": "b\nc"}, {"d": "\u00e9"}]
    text = file_text(lines, is_torn=False)
    assert [json.loads(line) for line in text.splitlines()] == lines
    assert text.endswith("\n")
    assert file_text(lines, is_torn=True) == f"\n{text}"
