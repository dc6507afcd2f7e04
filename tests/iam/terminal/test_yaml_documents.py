"""Files that people write: read strictly, with the place of everything in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from iam.terminal.failures import ExitCode, Failure
from iam.terminal.yaml_documents import MAX_BYTES, MAX_DEPTH, read_written, written


def read(directory: Path, text: str) -> Any:
    file = directory / "access.yaml"
    file.write_text(text, encoding="utf-8")
    return read_written(str(file))


def refused(directory: Path, text: str) -> list[str]:
    with pytest.raises(Failure) as caught:
        read(directory, text)
    assert caught.value.exit_code is ExitCode.USAGE
    return [line.rpartition("/")[2] for line in caught.value.message.splitlines()]


def test_plain_words_are_text_unless_json_knows_them(tmp_path: Path) -> None:
    text = """
    no: no
    on: [yes, off, 2012-10-17, 12:30, 0x10, 1e3, ~, null, true, False, 7, -1.5, "7", '']
    empty:
    quoted: "true"
    block: |
      two
      lines
    """
    assert read(tmp_path, text).value == {
        "no": "no",
        "on": [
            "yes", "off", "2012-10-17", "12:30", "0x10", "1e3", None, None, True, False, 7, -1.5,
            "7", "",
        ],
        "empty": None,
        "quoted": "true",
        "block": "two\nlines\n",
    }  # fmt: skip


def test_json_is_read_too(tmp_path: Path) -> None:
    document: dict[str, object] = {"a": [1, {"b": "ü\n\\"}], "c": {}, "d": None}
    assert read(tmp_path, json.dumps(document, indent=1)).value == document


def test_every_part_has_its_place_by_json_path(tmp_path: Path) -> None:
    document = read(tmp_path, 'groups:\n  "a b":\n    members:\n      - user/x\n      - user/y\n')
    where = document.where('$.groups["a b"].members[1]')
    assert where.endswith("access.yaml:5:9")
    assert document.where('$.groups["a b"].policies[0]').endswith("access.yaml:2:3")
    assert document.where("").endswith("access.yaml:1:1")


def test_a_refusal_of_the_server_is_told_with_file_and_line(tmp_path: Path) -> None:
    document = read(tmp_path, "groups:\n  a: {}\n")
    detail = {"errors": [{"path": "$.groups.a", "message": "no"}]}
    found = document.located(Failure("1 defect\n  more", detail=detail))
    heading, line = found.message.splitlines()
    assert heading == "1 defect"
    assert line.endswith("access.yaml:2:3: $.groups.a: no")
    assert found.exit_code is ExitCode.USAGE
    assert found.detail["errors"][0]["place"].endswith("access.yaml:2:3")


def test_names_that_stand_twice_are_all_told_at_once(tmp_path: Path) -> None:
    _, first, second = refused(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert first == "access.yaml:2:1: `a` stands twice"
    assert second == "access.yaml:3:11: `c` stands twice"


def test_ds_13_aliases_and_tags_are_refused_and_nothing_is_expanded(tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    found = refused(tmp_path, bomb)
    assert found[1] == "access.yaml:1:4: anchors and aliases are not accepted; write it out"
    tagged = refused(tmp_path, "a: !!python/object/apply:os.system ['true']\n")
    assert "is not accepted" in tagged[1]
    merged = refused(tmp_path, "a: &a {b: 1}\nc:\n  <<: *a\n")
    assert len(merged) == 3


def test_ds_13_what_is_too_deep_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    assert "nested too deep" in refused(tmp_path, "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))[1]
    (message,) = refused(tmp_path, "a" * (MAX_BYTES + 1))
    assert "larger than" in message
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Failure, match="not UTF-8"):
        read_written(str(tmp_path / "binary"))
    with pytest.raises(Failure, match="cannot read"):
        read_written(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "text", ["a: [1\n", "a: b: c\n", "\tx: 1\n", "a: 1\n---\nb: 2\n", "? [a]\n: b\n"]
)
def test_what_is_no_single_document_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text)[1].startswith("access.yaml:")


@pytest.mark.parametrize(
    "value",
    [
        {"no": "no", "on": ["2012-10-17", "true", "7", "~", "", "null", "1e3", "0x1"], "n": None},
        {
            "text": "lines\nof it\n",
            "odd": "a\u202eb\x1b[2J",
            "ü": "naïve: #x",
            "list": [[], {}, [[1]]],
        },
    ],
)
def test_what_is_written_is_read_again_as_it_was(tmp_path: Path, value: dict[str, Any]) -> None:
    text = written(value)
    assert text.replace("\n", "").isprintable()
    assert read(tmp_path, text).value == value
