"""Where settings come from: precedence, what is given in vain, and what cannot be read."""

from pathlib import Path

import pytest

from iam.kit.setting_sources import Found, find, nearest

NAMES = ("port", "database_url", "master_key_file", "metrics.push_token", "audit.checkpoint_file")


def look(tmp_path: Path, **environ: str) -> Found:
    return find(NAMES, environ, run_secrets=tmp_path / "secrets")


@pytest.fixture
def everywhere(tmp_path: Path) -> dict[str, str]:
    """Two settings at every place there is: one of a group, and one of none."""
    (tmp_path / "named").write_text("of a named file\n")
    (tmp_path / "secrets").mkdir()
    for name in ("iam_database_url", "iam_metrics__push_token"):
        (tmp_path / "secrets" / name).write_text("of a secret\n")
    config = tmp_path / "iam.toml"
    config.write_text('database_url = "of the document"\n[metrics]\npush_token = "of it"\n')
    return {
        "IAM_DATABASE_URL": "of a variable",
        "IAM_METRICS__PUSH_TOKEN": "of a variable",
        "IAM_DATABASE_URL_FILE": str(tmp_path / "named"),
        "IAM_METRICS__PUSH_TOKEN_FILE": str(tmp_path / "named"),
        "IAM_CONFIG_FILE": str(config),
    }


@pytest.mark.parametrize("name", ["database_url", "metrics.push_token"])
def test_a_variable_beats_a_named_file_a_secret_and_the_document(
    tmp_path: Path, everywhere: dict[str, str], name: str
) -> None:
    variable = "IAM_" + name.replace(".", "__").upper()
    secret = tmp_path / "secrets" / variable.lower()
    sources = (
        (variable, lambda: everywhere.pop(variable)),
        (f"{variable}_FILE", lambda: everywhere.pop(f"{variable}_FILE")),
        (str(secret), secret.unlink),
        (everywhere["IAM_CONFIG_FILE"], lambda: everywhere.pop("IAM_CONFIG_FILE")),
    )
    values = []
    for source, take_away in sources:
        given = look(tmp_path, **everywhere).given[name]
        assert given.source == source
        values.append(given.value)
        take_away()
    assert values[:3] == ["of a variable", "of a named file", "of a secret"]
    assert values[3].startswith("of ")
    assert name not in look(tmp_path, **everywhere).given


def test_a_setting_whose_name_ends_in_file_is_no_file_of_another(tmp_path: Path) -> None:
    found = look(tmp_path, IAM_MASTER_KEY_FILE="/a", IAM_AUDIT__CHECKPOINT_FILE="/b")
    assert found.tree() == {"master_key_file": "/a", "audit": {"checkpoint_file": "/b"}}
    assert (found.problems, found.strangers) == ([], [])


def test_every_key_of_the_document_that_is_no_setting_is_told_with_the_nearest(
    tmp_path: Path,
) -> None:
    config = tmp_path / "iam.toml"
    config.write_text('prot = "canary"\nzzzzzz = 1\n[metrics]\npush_tokn = "canary"\n[nothing]\n')
    problems = look(tmp_path, IAM_CONFIG_FILE=str(config)).problems
    assert problems == [
        f"{config}: `prot`: no such setting; `port` perhaps?",
        f"{config}: `zzzzzz`: no such setting",
        f"{config}: `metrics.push_tokn`: no such setting; `metrics.push_token` perhaps?",
        f"{config}: `nothing`: no such setting",
    ]


def test_everything_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("port = \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    problems = look(
        tmp_path,
        IAM_CONFIG_FILE=str(tmp_path / "broken.toml"),
        IAM_DATABASE_URL_FILE="/nowhere/url",
        IAM_METRICS__PUSH_TOKEN_FILE=str(tmp_path / "binary"),
    ).problems
    assert len(problems) == 3
    assert "no valid TOML" in problems[0]
    assert problems[1].startswith("IAM_DATABASE_URL_FILE: cannot read /nowhere/url: ")
    assert problems[2].endswith("is no text in UTF-8")


def test_a_variable_of_nobody_may_be_anothers_but_not_inside_a_group_of_ours(
    tmp_path: Path,
) -> None:
    found = look(
        tmp_path,
        IAM_CLIENT_ID="x",
        IAM_METRICS__TYPO="x",
        IAM_METRICS="{}",
        OTHER="x",
        iam_port="9",
    )
    assert found.strangers == ["IAM_CLIENT_ID"]
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "IAM_METRICS",
        "IAM_METRICS__TYPO",
    ]
    assert found.given["port"].value == "9"


def test_what_is_like_nothing_has_no_nearest() -> None:
    assert nearest("prot", ["port", "host"]) == "port"
    assert nearest("zzzz", ["port", "host"]) is None
