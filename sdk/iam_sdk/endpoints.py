"""Where the issuer is, and whether that place may be trusted. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from iam_sdk.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The issuer's identity, and the address at which a client reaches it.

    ``issuer`` is the exact string in tokens. ``url`` differs from it behind proxies and inside
    overlay networks.
    """

    issuer: str
    url: str

    @classmethod
    def of(cls, issuer: str, url: str | None = None, *, allow_http_internal: bool = False) -> Self:
        """Check both addresses; ``url`` is the issuer unless given.

        Raises ConfigurationError for anything but https, or plain http on loopback;
        ``allow_http_internal`` (``IAM_ALLOW_HTTP_INTERNAL=1``) permits plain http elsewhere.
        """
        if issuer.endswith("/"):
            raise ConfigurationError("issuer_invalid", "an issuer does not end in a slash")
        check_address(issuer, allow_http_internal=allow_http_internal)
        address = (url or issuer).rstrip("/")
        check_address(address, allow_http_internal=allow_http_internal)
        return cls(issuer, address)

    @property
    def jwks(self) -> str:
        """The address of the key set."""
        return f"{self.url}/oauth2/jwks"

    @property
    def token(self) -> str:
        """The address of the token endpoint."""
        return f"{self.url}/oauth2/token"

    @property
    def decisions(self) -> str:
        """The address that answers requests for decisions."""
        return f"{self.url}/v1/decisions"


def check_address(address: str, *, allow_http_internal: bool = False) -> None:
    """Refuse an address that nobody should fetch keys from or send a secret to.

    Raises ConfigurationError; the text names the setting that would permit plain http.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError("address_invalid", "not a URL") from error
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError("address_invalid", "scheme, host and path are all it may have")
    if parts.scheme == "https" or (
        parts.scheme == "http" and (allow_http_internal or _is_loopback(host))
    ):
        return
    raise ConfigurationError(
        "address_not_trusted",
        f"`{parts.scheme}` to `{host}`: use https, or set IAM_ALLOW_HTTP_INTERNAL=1",
    )


def _is_loopback(host: str) -> bool:
    # RFC 6761 section 6.3 keeps localhost and what is below it on this machine.
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
