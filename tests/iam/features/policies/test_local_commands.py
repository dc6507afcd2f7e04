"""The commands that read policy files: no server answers here, and none is asked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from iam.cli import program

ALLOW = {"Effect": "Allow", "Action": "billing:GetInvoice", "Resource": "*"}
POLICY = {"Version": "2012-10-17", "Statement": ALLOW}
CASE = {
    "id": "one",
    "principal_arn": "arn:iam:iam::main:user/alice",
    "action": "billing:GetInvoice",
    "resource_arn": "arn:iam:billing::main:invoice/7",
    "identity_policies": [POLICY],
    "expected": "allowed",
}
CATALOGUE = {"prefix": "billing", "actions": [{"name": "GetInvoices", "access_level": "read"}]}
CORPUS = Path(__file__).parents[3] / "corpus" / "aws_docs.jsonl"


def run(*arguments: str | Path, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(program(), ["policy", *map(str, arguments)], input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def written(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


class TestTest:
    def test_the_corpus_is_decided_as_it_expects(self) -> None:
        result = run("test", CORPUS)
        assert result.exit_code == 0
        assert result.stderr == "150 cases, 150 ok\n"
        assert all(one["ok"] is True for one in lines(result))

    def test_an_answer_has_these_members(self) -> None:
        (found,) = lines(run("test", "-", stdin=json.dumps(CASE)))
        assert list(found) == ["id", "decision", "blocked_by", "matched", "expected", "ok"]

    def test_one_wrong_case_fails_and_the_others_are_still_answered(self) -> None:
        wrong = CASE | {"id": "two", "expected": "explicitDeny"}
        undecided = {name: value for name, value in CASE.items() if name != "expected"}
        cases = [json.dumps(one) for one in (wrong, CASE, undecided)]
        result = run("test", "-", stdin="\n".join(cases))
        assert result.exit_code == 1
        assert [one["ok"] for one in lines(result)] == [False, True, None]
        assert result.stderr == "3 cases, 1 ok, 1 not ok, 1 undecided\n"

    def test_a_rejected_document_is_an_error_with_every_defect(self) -> None:
        broken = CASE | {"identity_policies": [{"Statement": {"Effect": "allow"}}]}
        result = run("test", "-", stdin=json.dumps(broken))
        assert result.exit_code == 1
        (found,) = lines(result)
        assert list(found) == ["id", "error"]
        for path in ("Effect: found", "Statement: found neither"):
            assert path in found["error"]
        assert result.stderr == "1 case, 0 ok, 1 error\n"

    def test_a_document_that_is_to_be_rejected_is_as_expected(self) -> None:
        broken = CASE | {"identity_policies": [{"Statement": []}], "expected": "error"}
        result = run("test", "-", stdin=f"{json.dumps(broken)}\n" * 2)
        assert result.exit_code == 0
        assert list(lines(result)[0]) == ["id", "error", "expected", "ok"]
        assert result.stderr == "2 cases, 2 ok\n"

    def test_bytes_that_are_no_text_are_an_error_of_their_line(self) -> None:
        result = run("test", "-", stdin=b"\xff\n" + json.dumps(CASE).encode())
        assert [one["id"] for one in lines(result)] == ["line 1", "one"]

    def test_a_file_that_cannot_be_read_is_wrong_usage(self, tmp_path: Path) -> None:
        result = run("test", tmp_path / "none")
        assert result.exit_code == 2
        assert "cannot read" in result.stderr


class TestValidate:
    def test_a_valid_document_is_said_to_be_valid(self, tmp_path: Path) -> None:
        file = written(tmp_path / "policy.json", POLICY)
        result = run("validate", file)
        assert (result.exit_code, result.stdout) == (0, f"{file}: valid\n")

    def test_every_defect_is_told_with_path_found_and_expected(self) -> None:
        text = '{"Version": "2020", "Statement": {"Effect": "allow", "Action": "*"}}'
        result = run("validate", "-", stdin=text)
        assert result.exit_code == 1
        assert [line.split(":")[1] for line in result.stdout.splitlines()] == [
            " $.Version",
            " $.Statement.Effect",
            " $.Statement",
        ]

    def test_in_json_every_document_is_one_object(self, tmp_path: Path) -> None:
        files = [written(tmp_path / "a", POLICY), written(tmp_path / "b", {})]
        found = json.loads(run("validate", "--json", *files).stdout)
        assert [one["valid"] for one in found] == [True, False]
        assert found[1]["defects"][0] == {
            "path": "$.Statement",
            "found": "nothing",
            "expected": "a statement, or a list of at least one",
        }

    def test_the_kind_decides_what_is_valid(self) -> None:
        assert run("validate", "-", "--kind", "scp", stdin=json.dumps(POLICY)).exit_code == 0
        assert run("validate", "-", "--kind", "trust", stdin=json.dumps(POLICY)).exit_code == 1
        unknown = run("validate", "-", "--kind", "group", stdin=json.dumps(POLICY))
        assert unknown.exit_code == 2
        assert "expected identity, resource" in unknown.stderr


class TestLint:
    def test_our_own_actions_are_known(self) -> None:
        statement = ALLOW | {"Action": "iam:GetUsre"}
        result = run("lint", "-", stdin=json.dumps(POLICY | {"Statement": statement}))
        assert result.exit_code == 1
        assert "did you mean `iam:GetUser`?" in result.stdout

    def test_a_catalogue_makes_other_actions_known(self, tmp_path: Path) -> None:
        text = json.dumps(POLICY)
        assert run("lint", "-", stdin=text).stdout == "-: nothing to say\n"
        file = written(tmp_path / "billing.json", CATALOGUE)
        result = run("lint", "-", "--catalogue", file, "--json", stdin=text)
        assert result.exit_code == 1
        (found,) = json.loads(result.stdout)
        (finding,) = found["findings"]
        assert (finding["code"], finding["severity"], finding["path"]) == (
            "unknown-action",
            "error",
            "$.Statement.Action",
        )

    def test_a_catalogue_with_defects_is_wrong_usage(self, tmp_path: Path) -> None:
        file = written(tmp_path / "billing.json", {"prefix": "Billing"})
        result = run("lint", "-", "--catalogue", file, stdin=json.dumps(POLICY))
        assert result.exit_code == 2
        assert "$.prefix: found" in result.stderr
        assert "$.actions: found nothing" in result.stderr

    def test_warnings_fail_only_when_strict(self) -> None:
        text = json.dumps(POLICY | {"Statement": ALLOW | {"Action": "*"}})
        assert run("lint", "-", stdin=text).exit_code == 0
        assert run("lint", "-", "--strict", stdin=text).exit_code == 1

    def test_a_document_that_is_no_policy_fails(self) -> None:
        result = run("lint", "-", stdin="{}")
        assert (result.exit_code, result.stdout.count("\n")) == (1, 1)


@pytest.mark.parametrize("command", [["test"], ["validate"], ["lint"]], ids=" ".join)
def test_no_server_is_loaded(command: list[str]) -> None:
    code = (
        "import sys; from iam.cli import program\n"
        "try: program()(['policy', *sys.argv[1:], '-'])\n"
        "except SystemExit: pass\n"
        "print(sorted(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *command],
        check=True,
        input=json.dumps(POLICY),
        capture_output=True,
        text=True,
    )
    loaded = result.stderr.splitlines()[-1]
    for name in ("sqlalchemy", "fastapi", "starlette", "cryptography", "httpx2", "iam.settings"):
        assert f"'{name}'" not in loaded
    assert "'iam_policy'" in loaded
