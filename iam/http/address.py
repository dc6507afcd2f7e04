"""The client's address: the right-most one that no trusted proxy of ours added (RL-04)."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


class ClientAddress:
    """Finds the client's address, believing `X-Forwarded-For` only from trusted proxies."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: list[Network] = [ip_network(text, strict=False) for text in trusted_proxies]

    def find(self, peer: str | None, forwarded_for: str | None) -> str | None:
        """The address, given the peer of the connection and the header as it came."""
        if peer is None or forwarded_for is None or not self.is_trusted(peer):
            return peer
        for text in reversed(forwarded_for.split(",")):
            hop = text.strip()
            if not _is_address(hop):
                return peer
            if not self.is_trusted(hop):
                return hop
        return peer

    def is_trusted(self, text: str) -> bool:
        """Whether this address is one of our proxies."""
        if not self._trusted or not _is_address(text):
            return False
        address = ip_address(text)
        return any(address in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
