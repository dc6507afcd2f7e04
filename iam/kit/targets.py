"""Which URLs we may be asked to call: the rules against server-side request forgery, without I/O.

A URL is read by one strict grammar (RFC 3986, less what parsers disagree about) and taken apart
once; what is called later is built from the parts, so no second parser can read it differently.

An address is callable if it is public, or if the operator opened it in ``IAM_OUTBOUND_ALLOW``: by
network (``10.0.0.0/8``), or by host name and everything below it (``corp.example``). A name opens
private addresses, but not link-local or unspecified ones: no internal name should lead to a cloud's
metadata service.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from iam.errors import IamError, invalid

SETTING = "IAM_OUTBOUND_ALLOW"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_URL_LENGTH = 2_048
_MAX_NAME_LENGTH = 253
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:@\[\]]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?P<query>\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
# Docker names services `stack_service`: to RFC 1123 no host name, but it resolves.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A last label that is a number makes some resolvers read the whole as an address: `127.1`,
# `0x7f000001`, `017.0.0.1`.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_SUFFIXES = (".localhost", ".local", ".localdomain", ".internal", ".home.arpa")

# https://www.iana.org/assignments/iana-ipv4-special-registry
_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
# Only 2000::/3 is given out as global unicast; so mapped (::ffff:0:0/96), translated
# (64:ff9b::/96), unique local and link-local addresses are outside. Inside it: protocol assignments
# with Teredo, documentation, 6to4. https://www.iana.org/assignments/iana-ipv6-special-registry
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NEVER_BY_NAME = tuple(
    ipaddress.ip_network(network)
    for network in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "fe80::/10", "ff00::/8")
)

# Ports of services that are not HTTP, or that execute what they are sent, above those of the
# well-known range.
_REFUSED_PORTS = frozenset(
    {1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2377, 2379, 2380, 3306, 3389, 3659, 4045, 4222}
    | {5060, 5061, 5432, 5672, 5900, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6697}
    | {9042, 9092, 9200, 9300, 10080, 10250, 11211, 27017}
)
_UNPRIVILEGED_PORTS = range(1_024, 65_536)

Ports = frozenset[int]
NO_PORTS: Ports = frozenset()


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart; ``path`` includes the query, ``literal`` is a host that is an address."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


def refused(message: str, **detail: str) -> IamError:
    """The error for a call that we do not make."""
    return invalid("outbound_refused", message, **detail)


def parse_target(url: str) -> Target:
    """Take a URL apart.

    Raises ``IamError`` (invalid, ``outbound_refused``) if it is not plainly http or https.
    """
    match = _URL.fullmatch(url) if len(url) <= _MAX_URL_LENGTH else None
    if match is None:
        raise refused(
            "expected an absolute URL of at most 2048 characters without credentials, fragment, "
            "spaces or control characters"
        )
    scheme = match["scheme"].lower()
    if scheme not in {"http", "https"}:
        raise refused(f"expected an https URL, found scheme `{scheme}`")
    port = int(match["port"] or (443 if scheme == "https" else 80))
    _refuse_port(port)
    host = match["host"].lower()
    literal = _parse_literal(host)
    if literal is None:
        _refuse_odd_name(host)
    return Target(
        scheme=cast("Literal['http', 'https']", scheme),
        host=host if literal is None else str(literal),
        port=port,
        path=(match["path"] or "/") + (match["query"] or ""),
        literal=literal,
    )


def host_target(host: str, port: int, *, is_plain: bool, ports: Ports) -> Target:
    """A host and port of another protocol than HTTP, as a target.

    Raises ``IamError`` (invalid, ``outbound_refused``) if the port is none of ``ports`` and no
    other that a web service could have.
    """
    if port not in ports:
        _refuse_port(port)
    host = host.lower()
    literal = _parse_literal(host)
    if literal is None:
        _refuse_odd_name(host)
    name = host if literal is None else str(literal)
    return Target("http" if is_plain else "https", name, port, "", literal)


def is_public(address: Address) -> bool:
    """Whether the address is globally reachable unicast, by the IANA special-purpose registries.

    The standard library's ``is_global`` differs between patch releases of Python; this table does
    not.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def is_local_name(host: str) -> bool:
    """Whether the name means something only here: one label, as in Swarm, or a special suffix."""
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)


class AllowList:
    """What the operator opened in ``IAM_OUTBOUND_ALLOW``.

    Args:
        entries: Networks in CIDR form, single addresses, and host names that stand for all names
            below them too. Raises ``IamError`` (invalid, ``outbound_allow_invalid``) for anything
            else.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        networks: list[Network] = []
        names: list[str] = []
        for entry in entries:
            parsed = _parse_entry(entry.strip().lower())
            if isinstance(parsed, str):
                names.append(parsed)
            else:
                networks.append(parsed)
        self._networks = tuple(networks)
        self._names = tuple(names)

    def names(self, host: str) -> bool:
        """Whether the host, or a domain above it, is listed by name."""
        return any(host == name or host.endswith(f".{name}") for name in self._names)

    def may_open(self, host: str) -> bool:
        """Whether any address that the host may turn out to have can be open."""
        return bool(self._networks) or self.names(host)

    def opens(self, host: str, address: Address) -> bool:
        """Whether the host may be called at this address."""
        if any(address in network for network in self._networks):
            return True
        return self.names(host) and not any(address in network for network in _NEVER_BY_NAME)


def _parse_entry(entry: str) -> Network | str:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        try:
            _refuse_odd_name(name)
        except IamError:
            raise invalid(
                "outbound_allow_invalid",
                f"expected a network (10.0.0.0/8) or a host name in {SETTING}, found `{entry}`",
            ) from None
        return name


def _parse_literal(host: str) -> Address | None:
    try:
        if host.startswith("["):
            return ipaddress.IPv6Address(host[1:-1])
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None


def _refuse_odd_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > _MAX_NAME_LENGTH or not all(map(_LABEL.fullmatch, labels)):
        raise refused(
            "expected a host name of ASCII letters, digits and hyphens without a final dot; "
            "write an international name in its `xn--` form"
        )
    if _NUMBER.fullmatch(labels[-1]):
        raise refused(f"expected a host name or a dotted IPv4 address, found `{host}`")


def _refuse_port(port: int) -> None:
    unprivileged = port in _UNPRIVILEGED_PORTS and port not in _REFUSED_PORTS
    if port not in {80, 443} and not unprivileged:
        raise refused(f"expected port 443 or another port of a web service, found {port}")
