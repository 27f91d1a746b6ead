"""Behind a proxy an address, scheme and host are what a trusted proxy says, and nobody else has a say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, request

from app import create_app
from mailroom.proxies import Proxies, source
from mailroom.settings import Settings

PROXY, STRANGER, CLIENT = "127.0.0.1", "198.51.100.1", "203.0.113.9"
Seen = tuple[str | None, str, str, str]
See = Callable[..., Seen]


@pytest.fixture(params=["http://mail.example.org", "https://mail.example.org"])
def see(settings: Settings, request: pytest.FixtureRequest) -> See:
    """What the application sees of a request: address, scheme, host, root of its addresses."""
    return seer(create_app(settings.model_copy(update={"public_url": request.param})))


def seer(app: Flask) -> See:
    def see(peer: str, **headers: str) -> Seen:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with app.test_client() as client:
            client.get("/healthz", headers=named, environ_overrides={"REMOTE_ADDR": peer})
            assert not any("FORWARDED" in name or "REAL_IP" in name for name in request.environ)
            return request.remote_addr, request.scheme, request.host, request.root_path

    return see


def test_a_proxy_is_believed_whatever_the_public_url_is(see: See) -> None:
    told = {"X_Forwarded_For": CLIENT, "X_Forwarded_Proto": "https", "X_Forwarded_Host": "mail.example.org"}
    assert see(PROXY, **told) == (CLIENT, "https", "mail.example.org", "")
    assert see("::1", **told)[0] == see("::ffff:127.0.0.1", **told)[0] == CLIENT


@pytest.mark.parametrize(
    "header",
    [
        {"X_Forwarded_For": CLIENT},
        {"X_Forwarded_Proto": "https"},
        {"X_Forwarded_Host": "evil.example"},
        {"X_Forwarded_Port": "81"},
        {"X_Forwarded_Prefix": "/evil"},
        {"X_Forwarded_Ssl": "on"},
        {"X_Forwarded_Protocol": "ssl"},
        {"X_Real_Ip": CLIENT},
        {"X_Script_Name": "/evil"},
        {"Forwarded": f"for={CLIENT};host=evil.example;proto=https"},
    ],
    ids=lambda header: next(iter(header)),
)
def test_a_stranger_changes_nothing(see: See, header: dict[str, str]) -> None:
    assert see(STRANGER, **header) == (STRANGER, "http", "localhost", "")


@pytest.mark.parametrize(
    "header",
    [
        {"X_Real_Ip": CLIENT},
        {"Forwarded": f"for={CLIENT};host=evil.example;proto=https"},
        {"X_Forwarded_Prefix": "/evil"},
        {"X_Forwarded_Port": "81"},
        {"X_Forwarded_Proto": "javascript"},
        {"X_Forwarded_Host": "evil.example/path?<b>"},
        {"X_Forwarded_Host": "evil example"},
        {"X_Forwarded_For": "unknown"},
        {"X_Forwarded_For": ", ,"},
    ],
    ids=lambda header: ": ".join(*header.items()),
)
def test_what_proxies_hand_on_or_is_nonsense_changes_nothing(see: See, header: dict[str, str]) -> None:
    assert see(PROXY, **header) == (PROXY, "http", "localhost", "")


def test_of_a_scheme_and_a_host_the_last_one_is_the_proxy_s_own(see: See) -> None:
    told = {"X_Forwarded_Proto": "http, https", "X_Forwarded_Host": "evil.example, mail.example.org:8443"}
    assert see(PROXY, **told)[1:3] == ("https", "mail.example.org:8443")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (CLIENT, CLIENT),
        (f"1.1.1.1, {CLIENT}", CLIENT),
        (f"127.0.0.1,{CLIENT}", CLIENT),
        (f"{CLIENT}, 10.0.0.7", CLIENT),
        (f"1.1.1.1, {CLIENT} ,10.0.0.7,\t10.255.0.1", CLIENT),
        (f"{CLIENT}, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
        (f"{CLIENT}:51234", CLIENT),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("2001:DB8:0::9", "2001:db8::9"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, ::ffff:10.0.0.7", CLIENT),
        (f"{CLIENT}, fd00::7", CLIENT),
        (f"{CLIENT},, ", CLIENT),
        (f"{CLIENT}, garbage, 10.0.0.7", "10.0.0.7"),
        (f"{CLIENT}, 10.0.0.7:garbage", PROXY),
        (f"{CLIENT}, 999.0.0.1", PROXY),
        (f"{CLIENT}, fe80::1%<script>", PROXY),
        (f'"{CLIENT}"', PROXY),
        ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
        ("", PROXY),
    ],
)
def test_it_is_the_right_most_address_that_is_no_proxy(chain: str, client: str) -> None:
    proxies = Proxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])
    assert proxies.client(PROXY, chain) == client


def test_several_lines_are_one_list(settings: Settings) -> None:
    app = create_app(settings)
    lines = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", CLIENT)]
    with app.test_client() as client:
        client.get("/healthz", headers=lines, environ_overrides={"REMOTE_ADDR": PROXY})
        assert request.remote_addr == CLIENT


def test_whoever_connects_may_be_believed_but_nobody_before_them() -> None:
    proxies = Proxies(["*"])
    assert proxies.client(STRANGER, f"1.1.1.1, {CLIENT}") == CLIENT
    assert proxies.client(STRANGER, "") == STRANGER
    assert Proxies(["*", "10.0.0.0/8"]).client(STRANGER, f"1.1.1.1, {CLIENT}, 10.0.0.7") == CLIENT


def test_who_may_open_the_unix_socket_is_a_proxy() -> None:
    assert Proxies(["127.0.0.1"]).client("", CLIENT) == CLIENT
    assert Proxies(["127.0.0.1"]).client("", "") == ""


def test_networks_may_be_written_for_both_families_at_once() -> None:
    assert Proxies(["::ffff:10.0.0.0/104"]).believes("10.1.2.3")
    assert Proxies(["10.0.0.0/8"]).believes("::ffff:10.1.2.3")
    assert not Proxies(["::ffff:10.0.0.0/104"]).believes("11.1.2.3")
    assert not Proxies(["::/0"]).believes("10.1.2.3")
    assert not Proxies(["0.0.0.0/0"]).believes("2001:db8::1")


def test_a_setting_names_the_proxies(settings: Settings) -> None:
    see = seer(create_app(settings.model_copy(update={"forwarded_allow_ips": ("10.0.0.0/8",)})))
    assert see("10.0.0.7", X_Forwarded_For=CLIENT)[0] == CLIENT
    assert see(PROXY, X_Forwarded_For=CLIENT)[0] == PROXY


def test_who_has_one_ipv6_address_of_a_network_has_them_all() -> None:
    assert source("2001:db8:0:1::9") == source("2001:db8:0:1:ffff::1") != source("2001:db8:0:2::9")
    assert source("192.0.2.1") == "192.0.2.1" and source("") == ""
