"""What a verified token must say: access tokens (RFC 9068) and client assertions (RFC 7523).

Pure: keys, expectations and the time are arguments. The signature is checked first and nothing is
believed before; then every claim is required to be there, of its type, and right.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from iam_policy.strict_json import JsonError, JsonLimits, parse_json
from iam_sdk.errors import TokenInvalid
from iam_sdk.jwk import ALGORITHMS
from iam_sdk.jws import KeySet, unverified_payload, verify_jws
from iam_sdk.reasons import Reason

ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
# RFC 7523 names no type; the newer text of its authors asks for the third.
CLIENT_ASSERTION_TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt"})

EXPIRY_LEEWAY_SECONDS: Final = 30
ISSUED_LEEWAY_SECONDS: Final = 60
MAX_LIFETIME_SECONDS: Final = 24 * 60 * 60
MAX_ASSERTION_AGE_SECONDS: Final = 5 * 60
MAX_ACTORS: Final = 5
MAX_ID_CHARS: Final = 255
MAX_ARN_CHARS: Final = 2048

_LIMITS: Final = JsonLimits()
_REQUIRED_TEXTS: Final = (
    ("sub", Reason.SUBJECT_INVALID, MAX_ID_CHARS),
    ("client_id", Reason.CLIENT_ID_INVALID, MAX_ID_CHARS),
    ("account", Reason.ACCOUNT_WRONG, MAX_ID_CHARS),
    ("arn", Reason.ARN_INVALID, MAX_ARN_CHARS),
    ("jti", Reason.TOKEN_ID_INVALID, MAX_ID_CHARS),
)
# RFC 6749 section 3.3: what a scope token is made of.
_SCOPE_CHARS: Final = frozenset(map(chr, range(0x21, 0x7F))) - {'"', "\\"}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A verified access token. Times are Unix seconds.

    ``subject`` decides what is allowed; ``actors`` (nearest first) are those who act on its behalf
    and are for the log. ``claims`` has everything that was signed.
    """

    subject: str
    client_id: str
    account: str
    arn: str
    scope: frozenset[str]
    jti: str
    issued_at: int
    expires_at: int
    key_id: str
    session_id: str | None
    epoch: int | None
    actors: tuple[str, ...]
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def act(self) -> Mapping[str, Any] | None:
        """The ``act`` claim of a delegated token (RFC 8693 section 4.1), as it was signed."""
        act: Mapping[str, Any] | None = self.claims.get("act")
        return act


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """A verified client assertion. ``jti`` must be refused again until ``replay_until``.

    ``replay_until`` is in Unix seconds, and the assertion is refused by its age from then on.
    """

    client_id: str
    jti: str
    issued_at: int
    replay_until: int


def verify_access_token(
    token: str,
    *,
    keys: KeySet,
    expected_issuer: str,
    expected_audience: str,
    now: float,
    expected_account: str | None = None,
    algorithms: Collection[str] = ALGORITHMS,
    max_lifetime: int = MAX_LIFETIME_SECONDS,
    leeway: int = EXPIRY_LEEWAY_SECONDS,
    strict_single_audience: bool = False,
) -> AccessToken:
    """Verify a JWT access token by RFC 9068 section 4 and the rules of this service.

    ``now``, ``max_lifetime`` and ``leeway`` are seconds; ``leeway`` is for ``exp`` and ``nbf``,
    while ``iat`` may be 60 s ahead. ``strict_single_audience`` refuses a token that is good
    elsewhere too. Raises TokenInvalid with a reason, and nothing else.
    """
    jws = verify_jws(token, keys, algorithms)
    _check_type(jws.header.typ, ACCESS_TOKEN_TYPES)
    claims = _parse_claims(jws.payload)
    if claims.get("iss") != expected_issuer:
        raise TokenInvalid(Reason.ISSUER_WRONG)
    _check_audience(claims.get("aud"), expected_audience, strict_single=strict_single_audience)
    issued_at, expires_at = _check_times(claims, now, leeway)
    if expires_at - issued_at > max_lifetime:
        raise TokenInvalid(Reason.LIFETIME_TOO_LONG)
    _check_texts(claims)
    if expected_account is not None and claims["account"] != expected_account:
        raise TokenInvalid(Reason.ACCOUNT_WRONG)
    return AccessToken(
        subject=claims["sub"],
        client_id=claims["client_id"],
        account=claims["account"],
        arn=claims["arn"],
        scope=_scope(claims),
        jti=claims["jti"],
        issued_at=issued_at,
        expires_at=expires_at,
        key_id=jws.header.kid,
        session_id=_session_id(claims),
        epoch=_epoch(claims),
        actors=_actors(claims.get("act")),
        # One verified token is shared by every request that shows it.
        claims=MappingProxyType(claims),
    )


def verify_client_assertion(
    assertion: str,
    *,
    keys: KeySet,
    expected_client_id: str,
    expected_audiences: Collection[str],
    now: float,
    algorithms: Collection[str] = ALGORITHMS,
    allow_audience_list: bool = True,
    max_age_seconds: int = MAX_ASSERTION_AGE_SECONDS,
) -> ClientAssertion:
    """Verify a ``private_key_jwt`` client assertion (RFC 7523 section 3) against its client's keys.

    Every audience it names must be one of ``expected_audiences`` (our issuer and token endpoint).
    Its ``exp`` counts only up to ``max_age_seconds`` after ``iat``: common clients ask for an hour,
    and the replay entry should not live that long. Whether ``jti`` was seen before is the caller's
    to settle. Raises TokenInvalid with a reason, and nothing else.
    """
    jws = verify_jws(assertion, keys, algorithms)
    _check_type(jws.header.typ or "", CLIENT_ASSERTION_TYPES)
    claims = _parse_claims(jws.payload)
    if claims.get("iss") != expected_client_id:
        raise TokenInvalid(Reason.ISSUER_WRONG)
    if claims.get("sub") != expected_client_id:
        raise TokenInvalid(Reason.SUBJECT_INVALID)
    audience = claims.get("aud")
    if isinstance(audience, list) and not allow_audience_list:
        raise TokenInvalid(Reason.AUDIENCE_WRONG)
    audiences = _audiences(audience)
    if not audiences or not audiences <= set(expected_audiences):
        raise TokenInvalid(Reason.AUDIENCE_WRONG)
    issued_at, expires_at = _check_times(claims, now, EXPIRY_LEEWAY_SECONDS)
    until = min(expires_at, issued_at + max_age_seconds) + EXPIRY_LEEWAY_SECONDS
    if now >= until:
        raise TokenInvalid(Reason.EXPIRED)
    jti = _text(claims, "jti", Reason.TOKEN_ID_INVALID)
    return ClientAssertion(expected_client_id, jti, issued_at, until)


def claimed_client_id(assertion: str) -> str:
    """Read who a client assertion says it is from (``sub``), before anything is verified.

    Only to find the keys that `verify_client_assertion` then needs. Raises TokenInvalid.
    """
    claims = _parse_claims(unverified_payload(assertion))
    return _text(claims, "sub", Reason.SUBJECT_INVALID)


def _parse_claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = parse_json(payload, _LIMITS)
    except JsonError:
        raise TokenInvalid(Reason.CLAIMS_MALFORMED) from None
    if not isinstance(claims, dict):
        raise TokenInvalid(Reason.CLAIMS_MALFORMED)
    return claims


def _check_type(typ: str | None, allowed: Collection[str]) -> None:
    # RFC 9068 section 2.1: the type keeps an id token or logout token from passing as access token.
    if typ is None or typ.lower() not in allowed:
        raise TokenInvalid(Reason.TYPE_WRONG)


def _check_audience(value: object, expected: str, *, strict_single: bool) -> None:
    if value == expected:
        return
    audiences = _audiences(value)
    if expected not in audiences or (strict_single and len(audiences) > 1):
        raise TokenInvalid(Reason.AUDIENCE_WRONG)


def _audiences(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    if not isinstance(value, list) or not all(isinstance(member, str) for member in value):
        raise TokenInvalid(Reason.AUDIENCE_WRONG)
    return set(value)


def _check_times(claims: Mapping[str, Any], now: float, leeway: int) -> tuple[int, int]:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    not_before = claims.get("nbf", 0)
    # bool is an int to isinstance, and a float or a string would compare in surprising ways.
    if not type(issued_at) is type(expires_at) is type(not_before) is int:
        raise TokenInvalid(Reason.TIME_INVALID)
    if issued_at < 0 or expires_at <= issued_at:
        raise TokenInvalid(Reason.TIME_INVALID)
    if now >= expires_at + leeway:
        raise TokenInvalid(Reason.EXPIRED)
    if issued_at > now + ISSUED_LEEWAY_SECONDS or not_before > now + leeway:
        raise TokenInvalid(Reason.NOT_YET_VALID)
    return issued_at, expires_at


def _check_texts(claims: Mapping[str, Any]) -> None:
    for name, reason, max_chars in _REQUIRED_TEXTS:
        value = claims.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= max_chars:
            raise TokenInvalid(reason)


def _text(claims: Mapping[str, Any], name: str, reason: Reason) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARS:
        raise TokenInvalid(reason)
    return value


def _scope(claims: Mapping[str, Any]) -> frozenset[str]:
    value = claims.get("scope")
    if isinstance(value, str):
        return _parse_scope(value)
    if "scope" in claims:
        raise TokenInvalid(Reason.SCOPE_INVALID)
    return frozenset()


# A service's callers come with few different scopes.
@lru_cache(maxsize=256)
def _parse_scope(scope: str) -> frozenset[str]:
    if not scope:
        return frozenset()
    # One space between scope tokens (RFC 6749 section 3.3): "admin " is nobody's admin.
    tokens = scope.split(" ")
    if not all(tokens) or not _SCOPE_CHARS.issuperset("".join(tokens)):
        raise TokenInvalid(Reason.SCOPE_INVALID)
    return frozenset(tokens)


def _session_id(claims: Mapping[str, Any]) -> str | None:
    return _text(claims, "sid", Reason.SESSION_INVALID) if "sid" in claims else None


def _epoch(claims: Mapping[str, Any]) -> int | None:
    if "epoch" not in claims:
        return None
    epoch = claims["epoch"]
    if type(epoch) is not int or epoch < 0:
        raise TokenInvalid(Reason.EPOCH_INVALID)
    return epoch


def _actors(act: object) -> tuple[str, ...]:
    actors: list[str] = []
    while act is not None:
        if not isinstance(act, dict) or len(actors) == MAX_ACTORS:
            raise TokenInvalid(Reason.ACTOR_INVALID)
        actors.append(_text(act, "sub", Reason.ACTOR_INVALID))
        act = act.get("act")
    return tuple(actors)
