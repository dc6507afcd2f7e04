"""The first place with a credential wins, and the chain says which it was."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519
from jwt.algorithms import get_default_algorithms

from iam_sdk.client_auth import ClientKey, basic_authorization
from iam_sdk.credentials import PrivateKeyFile, Settings, find_settings
from iam_sdk.errors import ConfigurationError, CredentialsNotFoundError
from iam_sdk.jws import KeySet
from iam_sdk.testing import SigningKey
from iam_sdk.tokens import verify_client_assertion

ISSUER = {"IAM_ISSUER": "https://iam.test"}


@pytest.fixture
def find(tmp_path: Path) -> Any:
    def find(environ: dict[str, str] | None = None, **explicit: Any) -> Settings:
        return find_settings(
            environ=ISSUER | (environ or {}),
            secrets_folder=tmp_path / "secrets",
            profiles_file=tmp_path / "profiles.json",
            **explicit,
        )

    return find


def write(file: Path, text: str, mode: int = 0o600) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_explicit_arguments_win(find: Any) -> None:
    environment = {"IAM_CLIENT_ID": "env", "IAM_CLIENT_SECRET": "env-secret"}
    settings = find(environment, client_id="me", client_secret="s1")
    assert (settings.credentials.client_id, settings.credentials.proof.read()) == ("me", "s1")
    assert settings.credentials.source == "explicit arguments (secret)"


def test_the_environment_comes_next(find: Any) -> None:
    settings = find({"IAM_CLIENT_ID": "me", "IAM_CLIENT_SECRET": "s1"})
    assert settings.credentials.source == "environment (secret)"
    assert settings.credentials.tried == ("explicit arguments: no secret and no key",)
    assert settings.credentials.proof.read() == "s1"


def test_a_secret_file_is_read_each_time(find: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "secret", "s1\n")
    proof = find({"IAM_CLIENT_ID": "me", "IAM_CLIENT_SECRET_FILE": str(file)}).credentials.proof
    assert proof.read() == "s1"
    file.write_text("s2")
    assert proof.read() == "s2"


@pytest.mark.parametrize("by_file", [True, False])
def test_a_mounted_secret_is_found(by_file: bool, find: Any, tmp_path: Path) -> None:
    write(tmp_path / "secrets" / "iam_client_secret", "s1")
    environment = {} if by_file else {"IAM_CLIENT_ID": "me"}
    if by_file:
        write(tmp_path / "secrets" / "iam_client_id", "me\n")
    settings = find(environment)
    assert settings.credentials.client_id == "me"
    assert "secrets/iam_client_secret" in settings.credentials.source


def test_a_profile_is_read_only_when_it_is_asked_for(find: Any, tmp_path: Path) -> None:
    profile = {"client_id": "me", "client_secret": "s1", "issuer": "https://other.test"}
    write(tmp_path / "profiles.json", json.dumps({"work": profile}))
    with pytest.raises(CredentialsNotFoundError):
        find()
    settings = find(profile="work")
    assert settings.credentials.client_id == "me"
    assert settings.credentials.source == "profile `work` (secret)"
    assert settings.endpoints.issuer == "https://iam.test"


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"work": 7}'])
def test_a_profile_that_is_not_there_is_named(content: str, find: Any, tmp_path: Path) -> None:
    write(tmp_path / "profiles.json", content)
    with pytest.raises(ConfigurationError, match="has no profile `work`"):
        find(profile="work")


def test_a_profile_that_others_can_read_is_refused(find: Any, tmp_path: Path) -> None:
    write(tmp_path / "profiles.json", "{}", 0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        find(profile="work")


def test_nothing_found_lists_every_place(find: Any) -> None:
    with pytest.raises(CredentialsNotFoundError) as nothing:
        find(profile="absent")
    assert [place.split(":")[0] for place in nothing.value.tried][:2] == [
        "explicit arguments",
        "environment",
    ]
    assert len(nothing.value.tried) == 4


def test_half_a_credential_is_an_error_and_never_skipped(find: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="client_id_missing"):
        find({"IAM_CLIENT_SECRET": "s1"})
    both = {"IAM_CLIENT_SECRET": "s1", "IAM_CLIENT_SECRET_FILE": str(tmp_path / "s")}
    with pytest.raises(ConfigurationError, match="credentials_ambiguous"):
        find({"IAM_CLIENT_ID": "me"} | both)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff", b"x" * 70_000, None])
def test_an_unreadable_secret_file_says_which(
    content: bytes | None, find: Any, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    proof = find(client_id="me", client_secret_file=file).credentials.proof
    with pytest.raises(ConfigurationError, match=r"file_unreadable: .*/secret"):
        proof.read()


def test_an_issuer_is_required() -> None:
    with pytest.raises(ConfigurationError, match="IAM_ISSUER"):
        find_settings(environ={}, client_id="me", client_secret="s1")


def test_the_environment_says_where_and_whether_plain_http_will_do(find: Any) -> None:
    environment = {"IAM_URL": "http://iam:8000", "IAM_ALLOW_HTTP_INTERNAL": "1"}
    settings = find(environment | {"IAM_CA_BUNDLE": "/ca.pem"}, client_id="me", client_secret="s1")
    assert settings.endpoints.url == "http://iam:8000"
    assert (settings.allow_http_internal, settings.ca_bundle) == (True, "/ca.pem")
    with pytest.raises(ConfigurationError):
        find({"IAM_URL": "http://iam:8000"}, client_id="me", client_secret="s1")


def test_no_representation_shows_a_secret(find: Any) -> None:
    assert "s3cret" not in repr(find(client_id="me", client_secret="s3cret"))


def test_te_14_basic_credentials_are_form_urlencoded() -> None:
    assert basic_authorization("svc:1", "a:b%c é") == "Basic c3ZjJTNBMTphJTNBYiUyNWMrJUMzJUE5"


def pem(private_key: Any) -> bytes:
    encoded: bytes = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return encoded


def private_jwk(key: SigningKey) -> dict[str, Any]:
    algorithm = get_default_algorithms()["EdDSA" if key.alg == "Ed25519" else key.alg]
    members: dict[str, Any] = algorithm.to_jwk(key.private_key, as_dict=True)
    return members


@pytest.mark.parametrize("form", ["pem", "jwk", "jwk that says all"])
@pytest.mark.parametrize("alg", ["ES256", "ES384", "RS256", "EdDSA"])
def test_an_assertion_by_a_key_file_verifies(
    alg: str, form: str, signing_keys: dict[str, SigningKey], tmp_path: Path
) -> None:
    key = signing_keys[alg]
    members = private_jwk(key) | ({"alg": alg, "kid": key.kid} if form != "jwk" else {})
    text = pem(key.private_key).decode() if form == "pem" else json.dumps(members)
    loaded = PrivateKeyFile(write(tmp_path / "key", text)).read()
    assertion = loaded.assertion("svc_1", "https://iam.test", now=1000, jti="j1")
    verified = verify_client_assertion(
        assertion,
        keys=KeySet.from_jwks({"keys": [dict(key.jwk)]}),
        expected_client_id="svc_1",
        expected_audiences={"https://iam.test"},
        now=1000,
    )
    assert verified.jti == "j1"


def test_a_jwk_may_name_its_algorithm(signing_keys: dict[str, SigningKey]) -> None:
    members = private_jwk(signing_keys["RS256"]) | {"alg": "PS256", "kid": "k1"}
    loaded = ClientKey.load(json.dumps(members).encode())
    assert (loaded.alg, loaded.kid) == ("PS256", "k1")


@pytest.mark.parametrize(
    "text",
    [
        b"no key",
        b"{}",
        b"{",
        b'{"kty":"oct","d":"AQ"}',
        b'{"kty":"EC","d":"AQ"}',
        json.dumps(dict(SigningKey.generate().jwk)).encode(),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(ed448.Ed448PrivateKey.generate()),
        pem(x25519.X25519PrivateKey.generate()),
        pem(ec.generate_private_key(ec.SECP256R1())).replace(b"PRIVATE", b"ENCRYPTED PRIVATE"),
    ],
)
def test_what_is_no_usable_private_key_is_refused_without_quoting_it(text: bytes) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ClientKey.load(text)
    assert refusal.value.reason == "private_key_invalid"
