"""Why a token is refused: stable words that a service may log, count and branch on."""

from enum import StrEnum


class Reason(StrEnum):
    """The values of `iam_sdk.errors.TokenInvalid.reason`. Values are only ever added."""

    # The wrapping (RFC 7515)
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HEADER_MALFORMED = "header_malformed"
    HEADER_FORBIDDEN = "header_forbidden"
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"
    KEY_ID_INVALID = "key_id_invalid"
    KEY_UNKNOWN = "key_unknown"
    ALGORITHM_MISMATCH = "algorithm_mismatch"
    SIGNATURE_INVALID = "signature_invalid"
    # The claims (RFC 7519, RFC 9068)
    TYPE_WRONG = "type_wrong"
    CLAIMS_MALFORMED = "claims_malformed"
    ISSUER_WRONG = "issuer_wrong"
    AUDIENCE_WRONG = "audience_wrong"
    SUBJECT_INVALID = "subject_invalid"
    CLIENT_ID_INVALID = "client_id_invalid"
    TOKEN_ID_INVALID = "token_id_invalid"  # noqa: S105 - a word for a reason, not a secret
    TIME_INVALID = "time_invalid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    SCOPE_INVALID = "scope_invalid"
    ACCOUNT_WRONG = "account_wrong"
    ARN_INVALID = "arn_invalid"
    SESSION_INVALID = "session_invalid"
    EPOCH_INVALID = "epoch_invalid"
    ACTOR_INVALID = "actor_invalid"
    REVOKED = "revoked"
    # The keys could not be had: the token may be fine, and the answer is still no
    JWKS_UNAVAILABLE = "jwks_unavailable"
    JWKS_STALE = "jwks_stale"
