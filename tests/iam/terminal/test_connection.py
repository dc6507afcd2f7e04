import json
from pathlib import Path

import pytest

from iam.terminal.connection import ConnectionChoice, find_connection
from iam.terminal.failures import ExitCode, Failure
from iam.terminal.own_name import own_name
from iam.terminal.profiles import Profile, profile_names, profiles_file, save_profile

SECRET = "made-up"
STORED = Profile(
    issuer="http://localhost:1", url="http://localhost:2", client_id="svc_1", client_secret=SECRET
)
ENVIRONMENT = {
    "IAM_ISSUER": "https://iam.example",
    "IAM_CLIENT_ID": "svc_2",
    "IAM_CLIENT_SECRET": "other",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def failure_of(choice: ConnectionChoice, environ: dict[str, str]) -> Failure:
    with pytest.raises(Failure) as failure:
        find_connection(choice, environ)
    assert SECRET not in failure.value.message
    return failure.value


def test_a_stored_profile_is_private_and_found() -> None:
    save_profile("default", STORED)
    save_profile("staging", STORED)
    assert profile_names() == ["default", "staging"]
    assert profiles_file().stat().st_mode & 0o777 == 0o600
    assert [file.name for file in profiles_file().parent.iterdir()] == ["profiles.json"]
    found = find_connection(ConnectionChoice(), {})
    assert (found.credentials.client_id, found.endpoints.url) == ("svc_1", "http://localhost:2")


def test_what_the_environment_says_wins_over_the_default_profile_not_over_a_named_one() -> None:
    save_profile("default", STORED)
    assert find_connection(ConnectionChoice(), ENVIRONMENT).credentials.client_id == "svc_2"
    named = find_connection(ConnectionChoice(profile="default"), ENVIRONMENT)
    assert (named.credentials.client_id, named.endpoints.issuer) == ("svc_1", STORED.issuer)


def test_server_replaces_the_address_and_not_the_identity() -> None:
    save_profile("default", STORED)
    found = find_connection(ConnectionChoice(server="http://localhost:3"), {})
    assert (found.endpoints.url, found.endpoints.issuer) == ("http://localhost:3", STORED.issuer)


def test_who_has_no_credential_is_told_how_to_get_one() -> None:
    failure = failure_of(ConnectionChoice(), {})
    assert failure.exit_code is ExitCode.NOT_AUTHENTICATED
    assert "bootstrap --local" in failure.advice


@pytest.mark.parametrize("content", ["not json", "[]"])
def test_profiles_that_cannot_be_read_are_said_to_be(home: Path, content: str) -> None:
    save_profile("default", STORED)
    profiles_file().write_text(content)
    failure = failure_of(ConnectionChoice(), {})
    assert failure.exit_code is ExitCode.CONFIGURATION
    assert str(home) in failure.message


def test_profiles_that_others_can_read_are_refused() -> None:
    save_profile("default", STORED)
    profiles_file().chmod(0o644)
    assert "readable by others" in failure_of(ConnectionChoice(), {}).message


def test_storing_one_profile_keeps_the_others() -> None:
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(json.dumps({"old": {"issuer": "x", "more": 1}}))
    save_profile("new", STORED)
    assert json.loads(profiles_file().read_text())["old"] == {"issuer": "x", "more": 1}


def test_advice_names_the_program_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAM_COMMAND", "./dev iam")
    assert own_name() == "./dev iam"
    monkeypatch.delenv("IAM_COMMAND")
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    assert own_name() == "iam"
