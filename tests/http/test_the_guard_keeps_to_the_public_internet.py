from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from mailroom.http.guard import Forbidden, Guard, is_public

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1"),
    *(
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001:0:7f00:1::",
        "2001:db8::1",
    ),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1", "3fff::1", "5f00::1", "4000::1"),
]


REGISTERED = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/31"),
    *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
    *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"),
    *("224.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32"),
    *("::1/128", "::/128", "::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64"),
    *("2001::/23", "2001::/32", "2001:1::1/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48"),
    *("2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48"),
    *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
"""IANA's registries of special-purpose addresses, and what else nobody's web server has."""

EMBEDDED = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.0.0.8", "224.0.0.1", "255.255.255.255"]


@pytest.fixture(params=["as this Python sees it", "as another Python sees it"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`is_global` and its kin differ from release to release: nothing may depend on them."""
    if request.param == "as another Python sees it":
        for kind in (IPv4Address, IPv6Address):
            for name in ("is_global", "is_private", "is_reserved", "is_multicast", "is_link_local"):
                monkeypatch.setattr(kind, name, property(lambda ip: pytest.fail("asks this Python")))


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("network", REGISTERED)
def test_a_range_of_the_registries_is_refused_from_its_first_to_its_last(network: str) -> None:
    whole = ip_network(network)
    places = (0, whole.num_addresses // 2, -1)
    assert not any(is_public(str(whole[place])) for place in places)


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize(
    "address",
    [
        *("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
        *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255"),
        *("192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0"),
        *("198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.114.0", "223.255.255.255"),
        *("2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::", "2620:4f:7fff::", "3ffe:ffff::"),
    ],
)
def test_the_neighbours_of_a_range_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("inner", EMBEDDED)
@pytest.mark.parametrize(
    "outer",
    ["64:ff9b::{}", "2a00:1450::5efe:{}", "2a00:1450::200:5efe:{}", "::ffff:{}", "::{}", "fe80::5efe:{}"],
)
def test_an_address_within_an_address_is_judged(outer: str, inner: str) -> None:
    assert not is_public(str(IPv6Address(outer.format(inner))))


@pytest.mark.parametrize("outer", ["64:ff9b::{}", "2a00:1450::5efe:{}"])
def test_a_public_address_within_a_public_one_is_public(outer: str) -> None:
    assert is_public(str(IPv6Address(outer.format("8.8.8.8"))))


@pytest.mark.parametrize("address", ["2606:4700::1111%eth0", "2606:4700::1111%1", "fe80::1%25eth0"])
def test_an_address_with_a_zone_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "localhost",
        "[::ffff:7f00:1]",
        "LOCALHOST.",
        "127.0.0.1.",
    ],
)
def test_every_spelling_of_this_machine_is_refused(host: str) -> None:
    guard = Guard()
    with pytest.raises(Forbidden, match="not on the public internet"):
        guard.addresses(guard.target(f"https://{host}/hooks"))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https://ann:pw@example.org/",
        "https://[::1",
        "//x/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org\\@127.0.0.1/",
        "javascript:x",
        "https://example.org/\r\nX: y",
        "https://exämple.org/",
        "https://example.org/" + "x" * 2000,
        *(
            f"https://{number}/"
            for number in ("2130706433", "0x7f000001", "0x7f.1", "127.0x1", "0x", "1.2.3.4.5")
        ),
    ],
)
def test_odd_urls_are_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(Forbidden):
        Guard().target(url)


def test_what_is_named_may_be_called_also_by_plain_http() -> None:
    guard = Guard(("Localhost", "127.0.0.1"))
    assert "127.0.0.1" in guard.addresses(guard.target("http://localhost:8080/hooks?x=1"))
    assert guard.target("http://LOCALHOST:8080/a?b=c").path == "/a?b=c"
    with pytest.raises(Forbidden):
        guard.target("http://127.0.0.2/")


def test_of_a_name_with_both_only_the_public_address_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("10.0.0.1", "8.8.8.8")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    guard = Guard()
    assert guard.addresses(guard.target("https://example.org/")) == ["8.8.8.8"]
