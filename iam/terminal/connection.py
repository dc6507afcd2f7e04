"""Which server, and as whom: the SDK's credential chain, or a stored profile.

`--profile` wins; then what the environment says (`IAM_CLIENT_ID` and so on), as for every service;
then the profile `default`. `--server` replaces the address of any of them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iam.terminal.failures import ExitCode, Failure, misconfigured, usage
from iam.terminal.own_name import own_name
from iam.terminal.profiles import DEFAULT_PROFILE, profile_names

if TYPE_CHECKING:
    from iam_sdk.credentials import Settings

_IDENTITY = ("IAM_CLIENT_ID", "IAM_CLIENT_SECRET", "IAM_CLIENT_SECRET_FILE", "IAM_PRIVATE_KEY_FILE")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChoice:
    """What the command line says of the server and the caller."""

    server: str | None = None
    profile: str | None = None


def find_connection(
    choice: ConnectionChoice, environ: Mapping[str, str] | None = None
) -> "Settings":
    """The endpoints and the credentials to use.

    Raises `Failure` that says what is missing and how to get it.
    """
    from iam_sdk.credentials import SECRETS_FOLDER, find_settings
    from iam_sdk.errors import ConfigurationError, CredentialsNotFoundError

    env = dict(os.environ if environ is None else environ)
    profile = choice.profile
    if profile is not None:
        _demand_profile(profile)
        for variable in (*_IDENTITY, "IAM_ISSUER", "IAM_URL"):
            env.pop(variable, None)
    elif not any(env.get(variable) for variable in _IDENTITY):
        profile = DEFAULT_PROFILE if DEFAULT_PROFILE in profile_names() else None
        if profile is None and not (SECRETS_FOLDER / "iam_client_secret").exists():
            raise _nobody()
    try:
        issuer = _issuer(choice, env, profile)
        return find_settings(issuer=issuer, url=choice.server, profile=profile, environ=env)
    except CredentialsNotFoundError as error:
        raise _nobody(error.tried) from None
    except ConfigurationError as error:
        raise _defective(error) from None


def _issuer(choice: ConnectionChoice, env: Mapping[str, str], profile: str | None) -> str | None:
    """The issuer, asked of the server where only its address is known."""
    if env.get("IAM_ISSUER") or profile is not None:
        return None
    address = choice.server or env.get("IAM_URL")
    return None if address is None else ask_issuer(address, env)


def ask_issuer(address: str, env: Mapping[str, str]) -> str:
    """The issuer that a server says it is (RFC 8414 section 3)."""
    from iam_policy import JsonError, parse_json
    from iam_sdk.endpoints import check_address
    from iam_sdk.errors import TransportError
    from iam_sdk.transport import HttpRequest, send_once

    check_address(address, allow_http_internal=env.get("IAM_ALLOW_HTTP_INTERNAL") == "1")
    url = f"{address.rstrip('/')}/.well-known/oauth-authorization-server"
    try:
        answer = send_once(HttpRequest("GET", url), env.get("IAM_CA_BUNDLE"))
        metadata: Any = parse_json(answer.body)
        return str(metadata["issuer"])
    except TransportError as error:
        raise unreachable(address, error.reason) from None
    except (JsonError, KeyError, TypeError):
        message = f"`{address}` does not answer like an iam server"
        raise Failure(message, advice="check --server or IAM_URL") from None


def unreachable(address: str, reason: str) -> Failure:
    """The failure for a server that does not answer."""
    return Failure(
        f"no answer from `{address}` ({reason})",
        advice=f"is it running? `{own_name()} serve` starts one; --server names another",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _demand_profile(name: str) -> None:
    names = profile_names()
    if name not in names:
        known = f"stored: {', '.join(names)}" if names else "none is stored"
        raise usage(f"there is no profile `{name}`", known)


def _nobody(tried: tuple[str, ...] = ()) -> Failure:
    places = [f"  {place}" for place in tried]
    return Failure(
        "\n".join(["no credential: no stored profile, and none in the environment", *places]),
        advice=(
            f"on the server's host, `{own_name()} bootstrap --local --service NAME --save-profile` "
            "makes the first administrator;\n     elsewhere set IAM_ISSUER, IAM_CLIENT_ID and "
            "IAM_CLIENT_SECRET_FILE"
        ),
        exit_code=ExitCode.NOT_AUTHENTICATED,
    )


def _defective(error: Any) -> Failure:
    if error.reason == "issuer_missing":
        return misconfigured("no server named", "give --server URL, or set IAM_ISSUER")
    return misconfigured(f"{error.detail or error.reason}")
