"""What people type: documents, durations, first policies; and what scripts get back."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iam.kit.clock import ManualClock
from iam.terminal.documents import read_json
from iam.terminal.durations import instant_ago, parse_duration
from iam.terminal.failures import ExitCode, Failure, refused
from iam.terminal.first_policy import default_name, first_policy
from iam.terminal.output import Output
from iam.terminal.tables import Column


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("2w", timedelta(weeks=2))],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


def test_an_instant_may_be_a_duration_before_now() -> None:
    clock = ManualClock(datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert instant_ago("90m", clock) == "2026-07-01T10:30:00Z"
    assert instant_ago("2026-07-01T12:00:00Z", clock) == "2026-07-01T12:00:00Z"


@pytest.mark.parametrize("text", ["30", "d", "-1d", "1y", "1d2h", "٣d"])
def test_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(Failure):
        parse_duration(text)


def test_a_document_is_text_a_file_or_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it.json").write_text('{"a": 1}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    for argument in ('{"a": 1}', f"@{tmp_path}/it.json", "-"):
        assert read_json(argument) == {"a": 1}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "policy.json", "@/does/not/exist", "NaN"])
def test_a_document_that_two_readers_could_read_differently_is_not_sent(text: str) -> None:
    with pytest.raises(Failure) as failure:
        read_json(text)
    assert failure.value.exit_code is ExitCode.USAGE


def test_a_first_policy_is_five_lines_and_means_what_it_says() -> None:
    text, document = first_policy(["billing:Get*", "billing:List*"], ["arn:iam:billing::main:*"])
    assert len(text.splitlines()) == 5
    assert json.loads(text) == document
    assert document["Statement"][0]["Action"] == ["billing:Get*", "billing:List*"]
    assert default_name("orders", ["billing:Get*"]) == "orders-billing"


def test_a_first_policy_with_mistakes_is_refused_with_all_of_them() -> None:
    with pytest.raises(Failure) as failure:
        first_policy(["billing"], ["invoice/1"])
    assert "Action" in failure.value.message
    assert "Resource" in failure.value.message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ExitCode.FAILED),
        (401, ExitCode.NOT_AUTHENTICATED),
        (403, ExitCode.NOT_ALLOWED),
        (404, ExitCode.NOT_FOUND),
        (409, ExitCode.CONFLICT),
        (412, ExitCode.CONFLICT),
        (429, ExitCode.UNAVAILABLE),
        (500, ExitCode.FAILED),
        (503, ExitCode.UNAVAILABLE),
    ],
)
def test_each_status_has_its_exit_code(status: int, code: ExitCode) -> None:
    assert refused(status, {}).exit_code is code


def test_a_refusal_lists_every_defect_and_says_where_to_look() -> None:
    problem = {
        "detail": "not allowed",
        "decision_id": "dec_1",
        "errors": [
            {"path": "body.name", "message": "too long"},
            {"path": "$.Effect", "found": '"Alow"', "expected": "Allow or Deny"},
        ],
    }
    failure = refused(403, problem)
    assert failure.message.splitlines()[1:] == [
        "  body.name: too long",
        '  $.Effect: found "Alow", expected Allow or Deny',
    ]
    assert "dec_1" in failure.advice


def test_documents_stand_below_the_other_members() -> None:
    out = io.StringIO()
    record = {"name": "x", "version": 3, "document": {"Statement": [{"Sid": "\x1b"}]}}
    Output(as_json=False, stdout=out).record(record)
    first, *rest = out.getvalue().splitlines()
    assert first == "name  x"
    assert "document" in rest
    assert "\x1b" not in out.getvalue()


def test_machines_get_exactly_what_the_server_said() -> None:
    out = io.StringIO()
    Output(as_json=True, stdout=out).records((Column("Name"),), [{"name": "x", "more": [1]}])
    assert json.loads(out.getvalue()) == [{"name": "x", "more": [1]}]
