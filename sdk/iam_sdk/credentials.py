"""Where a service finds who it is: a chain of places, the first that has a credential wins.

1. explicit arguments
2. the environment: ``IAM_CLIENT_ID`` with ``IAM_CLIENT_SECRET``, ``IAM_CLIENT_SECRET_FILE`` or
   ``IAM_PRIVATE_KEY_FILE`` (PEM or JWK)
3. ``/run/secrets/iam_client_secret``, with ``IAM_CLIENT_ID`` or ``/run/secrets/iam_client_id``
4. a profile that the CLI has stored (``~/.config/iam/profiles.json``), only where one is asked for

``IAM_ISSUER`` is the exact string in tokens and ``IAM_URL`` the address (by default the same).
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from iam_sdk.client_auth import ClientKey
from iam_sdk.endpoints import Endpoints
from iam_sdk.errors import ConfigurationError, CredentialsNotFoundError

SECRETS_FOLDER: Final = Path("/run/secrets")
PROFILES_FILE: Final = Path("~/.config/iam/profiles.json")
MAX_SECRET_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A shared secret that was given as it is."""

    value: str = field(repr=False)

    def read(self) -> str:
        """The secret."""
        return self.value


@dataclass(frozen=True, slots=True)
class ClientSecretFile:
    """A file with a shared secret, read each time it is needed."""

    file: Path

    def read(self) -> str:
        """The secret as it is now. Raises ConfigurationError when it cannot be read."""
        return _read_text(self.file)


@dataclass(frozen=True, slots=True)
class PrivateKeyFile:
    """A file with the client's private key, read each time it is needed."""

    file: Path

    def read(self) -> ClientKey:
        """The key as it is now. Raises ConfigurationError when it cannot be read or parsed."""
        return ClientKey.load(_read_text(self.file).encode())


Proof: TypeAlias = ClientSecret | ClientSecretFile | PrivateKeyFile


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who this service is, and how it proves it. ``source`` says where that was found."""

    client_id: str
    proof: Proof
    source: str
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the chain found: the issuer, and the credentials for it."""

    endpoints: Endpoints
    credentials: Credentials
    ca_bundle: str | None = None
    allow_http_internal: bool = False


def find_settings(
    *,
    issuer: str | None = None,
    url: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    client_secret_file: str | Path | None = None,
    private_key_file: str | Path | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    secrets_folder: Path = SECRETS_FOLDER,
    profiles_file: Path = PROFILES_FILE,
) -> Settings:
    """Walk the chain. ``profile`` names a stored CLI profile; without it none is read.

    Raises CredentialsNotFoundError, which lists what each place had, or ConfigurationError when a
    place is set up wrongly: a half-configured place is an error, never skipped.
    """
    env = os.environ if environ is None else environ
    stored = _read_profile(profile, profiles_file.expanduser()) if profile is not None else {}
    explicit = _Place(
        "explicit arguments",
        client_id,
        client_secret,
        _path(client_secret_file),
        _path(private_key_file),
    )
    places = (
        explicit,
        _environment(env),
        _run_secrets(env, client_id, secrets_folder),
        _Place(f"profile `{profile}`", stored.get("client_id"), stored.get("client_secret")),
    )
    allow_http_internal = env.get("IAM_ALLOW_HTTP_INTERNAL") == "1"
    return Settings(
        endpoints=_endpoints(
            (issuer, env.get("IAM_ISSUER"), stored.get("issuer")),
            (url, env.get("IAM_URL"), stored.get("url")),
            allow_http_internal=allow_http_internal,
        ),
        credentials=_first(places, asked_profile=profile is not None),
        ca_bundle=env.get("IAM_CA_BUNDLE"),
        allow_http_internal=allow_http_internal,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    secret_file: Path | None = None
    key_file: Path | None = None

    def proofs(self) -> Iterator[tuple[str, Proof]]:
        if self.key_file is not None:
            yield f"private key file {self.key_file}", PrivateKeyFile(self.key_file)
        if self.secret_file is not None:
            yield f"secret file {self.secret_file}", ClientSecretFile(self.secret_file)
        if self.secret is not None:
            yield "secret", ClientSecret(self.secret)


def _first(places: tuple[_Place, ...], *, asked_profile: bool) -> Credentials:
    tried: list[str] = []
    for place in places if asked_profile else places[:-1]:
        proofs = list(place.proofs())
        if not proofs:
            tried.append(f"{place.name}: no secret and no key")
            continue
        what, proof = proofs[0]
        if len(proofs) > 1:
            raise ConfigurationError("credentials_ambiguous", f"{place.name}: more than one")
        if not place.client_id:
            raise ConfigurationError("client_id_missing", f"{place.name}: a {what} of no client")
        return Credentials(place.client_id, proof, f"{place.name} ({what})", tuple(tried))
    raise CredentialsNotFoundError(tried)


def _environment(env: Mapping[str, str]) -> _Place:
    return _Place(
        "environment",
        env.get("IAM_CLIENT_ID"),
        env.get("IAM_CLIENT_SECRET") or None,
        _path(env.get("IAM_CLIENT_SECRET_FILE")),
        _path(env.get("IAM_PRIVATE_KEY_FILE")),
    )


def _run_secrets(env: Mapping[str, str], client_id: str | None, folder: Path) -> _Place:
    secret, name = folder / "iam_client_secret", folder / "iam_client_id"
    if not secret.is_file():
        return _Place(str(secret))
    known = client_id or env.get("IAM_CLIENT_ID")
    if not known and name.is_file():
        known = _read_text(name)
    return _Place(str(secret), known, secret_file=secret)


def _endpoints(
    issuers: tuple[str | None, ...], urls: tuple[str | None, ...], *, allow_http_internal: bool
) -> Endpoints:
    issuer = next(filter(None, issuers), None)
    if issuer is None:
        raise ConfigurationError("issuer_missing", "set IAM_ISSUER to the issuer's exact string")
    url = next(filter(None, urls), None)
    return Endpoints.of(issuer, url, allow_http_internal=allow_http_internal)


def _read_profile(name: str, file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    if file.stat().st_mode & 0o077:
        raise ConfigurationError("profile_not_private", f"{file} is readable by others: chmod 600")
    try:
        profile = json.loads(_read_text(file))[name]
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError("profile_missing", f"{file} has no profile `{name}`") from None
    if not isinstance(profile, dict):
        raise ConfigurationError("profile_missing", f"{file} has no profile `{name}`")
    return profile


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_SECRET_BYTES + 1)
        text = content.decode().strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError("file_unreadable", f"{file}: {type(error).__name__}") from error
    if not text or len(content) > MAX_SECRET_BYTES:
        raise ConfigurationError("file_unreadable", f"{file}: empty or too large")
    return text
