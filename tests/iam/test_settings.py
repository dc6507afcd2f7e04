"""Settings: sources, refusals that list everything at once, and nothing secret in a message."""

from pathlib import Path

import pytest

from iam.settings import PolicySettings, Settings, SettingsError, read_settings
from iam_policy import DocumentKind, Limits, compile_stored


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IAM_DATABASE_URL", raising=False)


def test_the_defaults_are_a_small_team_on_one_machine() -> None:
    settings = read_settings()
    assert settings.issuer == settings.public_url == "http://localhost:8080"
    assert settings.effective_database_url.startswith("sqlite+aiosqlite:////")
    assert settings.effective_master_key_file == Path("iam-data/master.key")


def test_the_environment_beats_a_file_and_nests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+asyncpg://iam:pw@db/iam\n")
    monkeypatch.setenv("IAM_DATABASE_URL_FILE", str(secret))
    monkeypatch.setenv("IAM_TOKENS__SERVICE_TTL", "PT30M")
    settings = read_settings()
    assert settings.database_url == "postgresql+asyncpg://iam:pw@db/iam"
    assert settings.tokens.service_ttl.total_seconds() == 1800
    monkeypatch.setenv("IAM_DATABASE_URL", "postgresql+asyncpg://other/iam")
    assert read_settings().database_url == "postgresql+asyncpg://other/iam"


def test_a_document_nests_and_its_values_are_judged_like_all_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "iam.toml"
    config.write_text('trusted_proxies = ["10.0.0.0/8"]\n[tokens]\nuser_ttl = "PT5M"\n')
    monkeypatch.setenv("IAM_CONFIG_FILE", str(config))
    assert read_settings().trusted_proxies == ("10.0.0.0/8",)
    assert read_settings(tokens={"user_ttl": 60}).tokens.user_ttl.total_seconds() == 60
    config.write_text('port = "canary"\n[token]\nuser_ttl = "PT5M"\n')
    with pytest.raises(SettingsError) as caught:
        read_settings()
    unknown, port = str(caught.value).splitlines()
    assert unknown == f"{config}: `token`: no such setting; `tokens` perhaps?"
    assert port.startswith("IAM_PORT: ")
    assert port.endswith(f"(in {config})")


def test_a_list_is_separated_by_commas_or_a_json_array(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("10.0.0.0/8, corp.example", '["10.0.0.0/8", "corp.example"]'):
        monkeypatch.setenv("IAM_OUTBOUND_ALLOW", text)
        assert read_settings().outbound_allow == ("10.0.0.0/8", "corp.example")
    for text in ("[canary", "http://canary", '[{"canary": 1}]'):
        monkeypatch.setenv("IAM_OUTBOUND_ALLOW", text)
        with pytest.raises(SettingsError, match="IAM_OUTBOUND_ALLOW") as caught:
            read_settings()
        assert "canary" not in str(caught.value)


def test_sr_09_the_database_address_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAM_DATABASE_URL", "postgresql+asyncpg://iam:canary@db/iam")
    assert "canary" not in repr(read_settings())


def test_every_problem_is_listed_at_once_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IAM_PORT", "canary")
    monkeypatch.setenv("IAM_ISSUER", "https://id.example/?canary")
    monkeypatch.setenv("IAM_TRUSTED_PROXIES", '["canary"]')
    with pytest.raises(SettingsError) as caught:
        read_settings()
    text = str(caught.value)
    assert {"IAM_PORT", "IAM_ISSUER", "IAM_TRUSTED_PROXIES"} <= {
        line.split(":")[0] for line in text.splitlines()
    }
    assert "canary" not in text


@pytest.mark.parametrize(
    "issuer",
    ["ftp://x", "https://", "https://id.example/", "https://u@id.example", "https://id.example#f"],
)
def test_an_issuer_is_a_plain_base_url(issuer: str) -> None:
    with pytest.raises(SettingsError, match="IAM_ISSUER"):
        read_settings(issuer=issuer)


def test_plain_http_is_for_loopback_unless_said_otherwise() -> None:
    for issuer in (
        "http://localhost:8080",
        "http://iam.localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:8080",
    ):
        assert read_settings(issuer=issuer).issuer == issuer
    for issuer in ("http://localhost.example", "http://notlocalhost"):
        with pytest.raises(SettingsError, match="IAM_ALLOW_HTTP_INTERNAL"):
            read_settings(issuer=issuer)
    with pytest.raises(SettingsError, match="IAM_ALLOW_HTTP_INTERNAL"):
        read_settings(issuer="http://iam:8080")
    with pytest.raises(SettingsError, match="IAM_URL"):
        read_settings(issuer="https://id.example", url="http://iam:8080")
    inside = read_settings(issuer="http://iam:8080", allow_http_internal=True)
    assert inside.issuer == "http://iam:8080"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),  # noqa: S104 -- nothing listens in this test
        ({"host": "::"}, True),
        ({"host": "192.0.2.7", "issuer": "http://localhost:8080"}, True),
        ({"host": "192.0.2.7", "issuer": "https://id.example"}, False),
        ({"host": "192.0.2.7", "url": "https://id.example"}, False),
    ],
)
def test_who_lets_other_machines_in_needs_an_address_that_is_no_name_of_this_one(
    given: dict[str, str], expected: bool
) -> None:
    assert read_settings(**given).is_reached_beyond_its_name is expected


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAM_DATABASE_URL_FILE", "/nowhere/url")
    with pytest.raises(SettingsError, match="/nowhere/url"):
        read_settings()


def test_lg_08_no_setting_makes_the_log_tell_more() -> None:
    """There is no debug level: whoever changes the environment of a server learns no more by it."""
    telling = ("debug", "level", "verbose", "echo", "trace")
    assert not [
        name for name in type(read_settings()).model_fields if any(word in name for word in telling)
    ]


def test_the_sizes_of_policies_are_awss_and_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().policies.limits() == Limits()
    monkeypatch.setenv("IAM_POLICIES__GUARDRAIL_CHARACTERS", "300")
    monkeypatch.setenv("IAM_POLICIES__ROLE_INLINE_CHARACTERS", "4096")
    monkeypatch.setenv("IAM_POLICIES__VERSIONS", "1")
    with pytest.raises(SettingsError, match="IAM_POLICIES__VERSIONS: "):
        read_settings()
    monkeypatch.setenv("IAM_POLICIES__VERSIONS", "2")
    policies = read_settings().policies
    kinds = {DocumentKind.SCP, DocumentKind.RCP}
    small = {kind for kind, size in policies.limits().characters.items() if size == 300}
    assert small == kinds
    sizes = [policies.inline_characters(kind) for kind in ("user", "group", "role", "service")]
    assert sizes == [2_048, 5_120, 4_096, 4_096]


def test_what_may_be_stored_can_be_read_back() -> None:
    most = PolicySettings(guardrail_characters=65_536).guardrail_characters
    keys = ",".join(f'"{"é" * 480}{number}":"true"' for number in range(most // 500))
    statement = (
        f'{{"Effect":"Deny","Action":"a:b","Resource":"*","Condition":{{"Bool":{{{keys}}}}}}}'
    )
    text = f'{{"Version":"2012-10-17","Statement":{statement}}}'
    assert len(text) > most * 0.95
    assert compile_stored(text, DocumentKind.SCP).finding is None
