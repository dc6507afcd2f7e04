"""What an OAuth request may look like, and what it says. Pure."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from iam.authz.actions import Action
from iam.authz.facts import PrincipalFacts, decide
from iam.authz.surroundings import NOTHING, Surroundings
from iam.errors import IamError, invalid, unauthenticated
from iam_policy import Effect, PolicySet
from iam_sdk.encoding import b64url_encode

MAX_FIELDS: Final = 100
MAX_AUDIENCE: Final = 512
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# RFC 8707 section 2 and RFC 8693 section 2.1 let these two repeat.
_REPEATABLE: Final = frozenset({"resource", "audience"})
# RFC 3986 section 4.3, an absolute URI: a scheme, then no space, no control, and no fragment.
_ABSOLUTE_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-\"$-~]+")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*")


class ClientAuthMethod(StrEnum):
    """How a client proves itself; the values are those of RFC 8414 and RFC 7591."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 -- the name of a method
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 -- the name of a method
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ClientProof:
    """Who a client says it is, and what it offers as proof.

    Attributes:
        method: Which way it chose.
        client_id: The id it claims; an assertion may be the only one to say.
        text: The secret or the assertion.
    """

    method: ClientAuthMethod
    client_id: str | None
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuthRequest:
    """One request to an OAuth endpoint, parsed once. Nobody looks at the form again.

    Attributes:
        parameters: By name; what was sent without a value is not there (RFC 6749 section 3.1).
        targets: The distinct values of `resource` and `audience`.
        proof: Who asks.
    """

    parameters: Mapping[str, str] = field(repr=False)
    targets: tuple[str, ...]
    proof: ClientProof


def parse_request(body: bytes, authorization: tuple[str, ...]) -> OAuthRequest:
    """Parse a form and its `Authorization` headers. Raises `IamError` with a code of OAuth."""
    parameters, targets = parse_form(body)
    return OAuthRequest(parameters, targets, parse_proof(parameters, authorization))


def parse_form(body: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    """The parameters of a form, each at most once, and the distinct targets.

    Raises `invalid_request` for a repeated parameter, more than 100, or what is not UTF-8.
    """
    text = _text(body)
    fields = text.split("&")
    if len(fields) > MAX_FIELDS:
        raise invalid("invalid_request", f"expected at most {MAX_FIELDS} parameters")
    is_encoded = "%" in text or "+" in text
    parameters: dict[str, str] = {}
    targets: list[str] = []
    for pair in fields:
        name, _, value = pair.partition("=")
        if is_encoded:
            name, value = _decoded(name), _decoded(value)
        if name in _REPEATABLE:
            targets.append(value)
        elif name in parameters:
            raise invalid("invalid_request", "a parameter is given twice")
        elif name:
            parameters[name] = value
    named = {name: value for name, value in parameters.items() if value}
    return named, tuple(dict.fromkeys(target for target in targets if target))


def _decoded(text: str) -> str:
    if "%" in text or "+" in text:
        return _text(unquote_to_bytes(text.replace("+", " ")))
    return text


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise invalid("invalid_request", "the form is not UTF-8") from None


def parse_proof(parameters: Mapping[str, str], authorization: tuple[str, ...]) -> ClientProof:
    """What the client offers as proof, exactly one thing (RFC 6749 section 2.3).

    Basic credentials are form-urlencoded before they are joined (section 2.3.1); our ids and
    secrets have no character that this changes. Basic with an empty secret is a public client, as
    is a `client_id` alone. Raises `invalid_request` for two proofs or two names.
    """
    client_id = parameters.get("client_id")
    offered = [name for name in ("client_secret", "client_assertion") if name in parameters]
    if len(authorization) + len(offered) > 1:
        raise invalid("invalid_request", "the client proves itself in more than one way")
    if authorization:
        name, secret = parse_basic(authorization[0])
        if client_id is not None and client_id != name:
            raise invalid("invalid_request", "the client names itself in two ways")
        method = ClientAuthMethod.CLIENT_SECRET_BASIC if secret else ClientAuthMethod.NONE
        return ClientProof(method, name, secret)
    if "client_assertion" in parameters:
        if parameters.get("client_assertion_type") != ASSERTION_TYPE:
            raise invalid("invalid_request", f"expected `client_assertion_type` {ASSERTION_TYPE}")
        method = ClientAuthMethod.PRIVATE_KEY_JWT
        return ClientProof(method, client_id, parameters["client_assertion"])
    if client_id is not None and "client_secret" in parameters:
        method = ClientAuthMethod.CLIENT_SECRET_POST
        return ClientProof(method, client_id, parameters["client_secret"])
    return ClientProof(ClientAuthMethod.NONE, client_id, "")


def parse_basic(header: str) -> tuple[str, str]:
    """Client id and secret of an `Authorization: Basic` header. Raises `invalid_client`."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise client_refused()
    try:
        client_id, colon, secret = b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        raise client_refused() from None
    if not colon:
        raise client_refused()
    return _decoded(_text(client_id)), _decoded(_text(secret))


def client_refused() -> IamError:
    """The one answer to whoever does not prove a client, whatever the reason (TE-13)."""
    return unauthenticated("invalid_client", "the client did not prove who it is")


def one_time_id(client_id: str, jti: str) -> str:
    """The id under which a client assertion is used up: nobody can use up another's `jti`.

    Hashed, because a `jti` is up to 255 characters of any kind.
    """
    return f"{client_id}:{b64url_encode(sha256(jti.encode(errors='surrogatepass')).digest())}"


def requested_target(targets: tuple[str, ...]) -> str | None:
    """The one audience that was asked for (RFC 8707), or `None`. Raises `invalid_target`."""
    if not targets:
        return None
    if len(targets) > 1:
        raise target_refused("a token has one audience; ask for another token")
    if len(targets[0]) > MAX_AUDIENCE or not _ABSOLUTE_URI.fullmatch(targets[0]):
        raise target_refused("expected an absolute URI without a fragment")
    return targets[0]


def target_refused(message: str = "this audience is not available to this client") -> IamError:
    """The error for an audience that the client cannot have (RFC 8707 section 2)."""
    return invalid("invalid_target", message)


def requested_scopes(parameters: Mapping[str, str]) -> frozenset[str]:
    """The scopes that were asked for (RFC 6749 section 3.3). Raises `invalid_scope`."""
    scope = parameters.get("scope", "")
    if scope and not _SCOPE.fullmatch(scope):
        raise scope_refused()
    return frozenset(scope.split())


def scope_refused() -> IamError:
    """The error for a scope that the client cannot have."""
    return invalid("invalid_scope", "a scope is malformed or not available to this client")


def is_target_taken_away(
    facts: PrincipalFacts,
    *,
    target: str,
    context: Callable[[], Mapping[str, Any]],
    around: Surroundings,
) -> bool:
    """Whether a policy explicitly denies `sts:GetServiceBearerToken` on the target service.

    No policy has to allow it: as with `sts:GetCallerIdentity` in AWS, only a Deny can take it away
    (what the token is good for is decided where it is shown). `context` is asked for only when
    there is a statement that could deny. A policy that cannot be evaluated denies.
    """
    action = Action.GET_SERVICE_BEARER_TOKEN
    layers = (facts.identity, facts.boundary)
    if around is NOTHING and all(one is None or _denies_nothing(one, action) for one in layers):
        return False
    decision = decide(facts, action=action, resource=target, context=context(), around=around)
    return decision.effect is Effect.EXPLICIT_DENY or bool(decision.findings)


def _denies_nothing(policies: PolicySet, action: Action) -> bool:
    denies, _ = policies.tables(action)
    return policies.fits_elsewhere and denies is None
