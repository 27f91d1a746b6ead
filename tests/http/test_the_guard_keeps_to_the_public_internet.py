from __future__ import annotations

import socket

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
