"""The client's address behind proxies."""

import pytest

from iam.http.address import ClientAddress

PROXIES = ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        # RL-04: what a client writes itself counts only behind a proxy that we trust.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "evil, 10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        (None, "198.51.100.1", None),
    ],
)
def test_rl_04_the_right_most_untrusted_address_counts(
    peer: str | None, forwarded: str | None, expected: str | None
) -> None:
    assert ClientAddress(PROXIES).find(peer, forwarded) == expected
