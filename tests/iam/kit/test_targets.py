import ipaddress

import pytest

from iam.errors import ErrorKind, IamError
from iam.kit.targets import AllowList, is_local_name, is_public, parse_target


def test_a_url_is_taken_apart() -> None:
    target = parse_target("HTTPS://Hooks.Example.COM:8443/a%20b/c?d=e&f=/?")

    assert (target.scheme, target.host, target.port) == ("https", "hooks.example.com", 8443)
    assert target.path == "/a%20b/c?d=e&f=/?"
    assert target.literal is None
    assert target.authority == "hooks.example.com:8443"


@pytest.mark.parametrize(
    ("url", "port", "path", "authority"),
    [
        ("https://example.com", 443, "/", "example.com"),
        ("http://example.com", 80, "/", "example.com"),
        ("http://example.com:443/", 443, "/", "example.com:443"),
        ("https://example.com?x", 443, "/?x", "example.com"),
        ("https://[2606:4700::1111]/", 443, "/", "[2606:4700::1111]"),
        ("https://xn--bcher-kva.example/", 443, "/", "xn--bcher-kva.example"),
        ("http://stack_receiver:8080/", 8080, "/", "stack_receiver:8080"),
    ],
)
def test_what_a_url_leaves_out_is_filled_in(url: str, port: int, path: str, authority: str) -> None:
    target = parse_target(url)

    assert (target.port, target.path, target.authority) == (port, path, authority)


def test_an_address_in_a_url_is_put_into_its_one_form() -> None:
    target = parse_target("https://[0:0:0:0:0:0:0:1]/")

    assert (target.host, target.literal) == ("::1", ipaddress.IPv6Address("::1"))


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://0x/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.1.2/",
        "https://127.0.0.256/",
        "https://127.0.0.01/",
        "https://example.com./",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",  # noqa: RUF001  # full-width digits are the case
        "https://127。0。0。1/",
        "https://ⓔxample.com/",
        "https://%31%32%37.0.0.1/",
        "https://[::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[::1/",
        "https://::1/",
        "https://exa..mple.com/",
        "https://-example.com/",
        "https://.example.com/",
        "https://" + "a." * 127 + "example/",
        "https://" + "a" * 64 + ".example/",
    ],
)
def test_wh_02_a_host_that_is_written_oddly_is_refused(url: str) -> None:
    with pytest.raises(IamError) as refusal:
        parse_target(url)

    assert (refusal.value.kind, refusal.value.code) == (ErrorKind.INVALID, "outbound_refused")


@pytest.mark.parametrize(
    "url",
    [
        "gopher://example.com/",
        "file:///etc/passwd",
        "file://example.com/etc/passwd",
        "ftp://example.com/",
        "unix:/var/run/docker.sock",
        "unix://var/run/docker.sock",
        "javascript:alert(1)",
        "//example.com/",
        "example.com",
        "https:example.com",
        "https:/example.com",
        "https:///path",
        "https://",
        "",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:6379/",
        "https://example.com:5432/",
        "https://example.com:1/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:99999/",
        "https://example.com:0443/",
        "https://example.com:-1/",
        "https://example.com:/",
        "https://example.com/#fragment",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/a\\b",
        "https://example.com/%zz",
        "https://example.com/" + "a" * 2_048,
    ],
)
def test_wh_05_other_schemes_credentials_ports_and_forms_are_refused(url: str) -> None:
    with pytest.raises(IamError) as refusal:
        parse_target(url)

    assert refusal.value.code == "outbound_refused"


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\t", " ", "\0", "\x7f", "\x85", "é"])
@pytest.mark.parametrize(
    "url",
    [
        "{}https://example.com/",
        "https://exam{}ple.com/",
        "https://example.com/{}",
        "https://example.com/?{}",
    ],
)
def test_wh_06_line_ends_and_control_characters_in_a_url_are_refused(
    url: str, character: str
) -> None:
    with pytest.raises(IamError) as refusal:
        parse_target(url.format(character))

    assert refusal.value.code == "outbound_refused"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # refused, not bound
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_wh_01_an_address_that_is_not_public_is_told(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "100.63.255.255",
        "172.32.0.1",
        "198.17.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2a00::1",
    ],
)
def test_a_public_address_is_told(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("stack_receiver", True),
        ("metadata.google.internal", True),
        ("printer.local", True),
        ("example.com", False),
        ("internal.example.com", False),
        ("notlocal", True),
        ("not-internal.example", False),
    ],
)
def test_wh_01_a_name_that_means_something_only_here_is_told(host: str, local: bool) -> None:
    assert is_local_name(host) is local


def test_an_allow_list_holds_networks_addresses_and_names_with_what_is_below() -> None:
    allow = AllowList(["10.0.0.0/8", " 192.0.2.7 ", "fd00::/8", "Corp.Example", "*.dev.example"])
    private = ipaddress.ip_address("172.16.0.1")

    assert allow.opens("any.example", ipaddress.ip_address("10.1.2.3"))
    assert allow.opens("any.example", ipaddress.ip_address("192.0.2.7"))
    assert allow.opens("any.example", ipaddress.ip_address("fd12::1"))
    assert allow.opens("corp.example", private)
    assert allow.opens("hooks.corp.example", private)
    assert allow.opens("x.dev.example", private)
    assert not allow.opens("notcorp.example", private)
    assert not allow.opens("corp.example.evil.example", private)
    assert not allow.opens("any.example", ipaddress.ip_address("192.0.2.8"))


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "fe80::1", "224.0.0.1", "::"])  # noqa: S104  # refused, not bound
def test_wh_01_a_listed_name_does_not_lead_to_a_metadata_service(address: str) -> None:
    link_local = ipaddress.ip_address(address)

    assert not AllowList(["corp.example"]).opens("corp.example", link_local)
    assert AllowList([f"{address}"]).opens("corp.example", link_local)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "10.1.2.3/8",
        "10.0.0.0/33",
        "https://corp.example",
        "corp.example:80",
        "a b",
        "127.1",
        "*",
    ],
)
def test_an_allow_list_entry_that_is_neither_network_nor_name_is_refused(entry: str) -> None:
    with pytest.raises(IamError, match="in IAM_OUTBOUND_ALLOW, found") as refusal:
        AllowList([entry])

    assert refusal.value.code == "outbound_allow_invalid"
