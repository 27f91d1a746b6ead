from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any

import psutil
import pytest

from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import Deliver, Sink

LOGIN: Any = {"username": "ann", "password": "open sesame"}
ONLY_LOGIN = "any: garbage ehlo 250-sink\\r\\n250 AUTH LOGIN\\r\\n"


@pytest.mark.parametrize("rules", [(), (ONLY_LOGIN,)], ids=["PLAIN", "LOGIN"])
def test_it_logs_in(sink: Sink, deliver: Deliver, rules: tuple[str, ...]) -> None:
    server = sink(*rules, auth="ann:open sesame")
    assert isinstance(deliver(server, "a@x.org", **LOGIN).outcomes["a@x.org"], Reply)


@pytest.mark.parametrize("words", ["535 5.7.8 no", "504 5.5.4 not known here", "501 5.5.2 no"])
def test_login_is_tried_after_a_refused_plain(sink: Sink, deliver: Deliver, words: str) -> None:
    server = sink(f"first 1: reply auth {words}", auth="ann:open sesame")
    assert isinstance(deliver(server, "a@x.org", **LOGIN).outcomes["a@x.org"], Reply)
    assert server.connections_seen == 1


def test_a_plain_put_off_until_later_is_not_tried_in_another_way(sink: Sink, deliver: Deliver) -> None:
    with pytest.raises(Failure, match="454"):
        deliver(sink("first 1: reply auth 454 4.7.0 later", auth="ann:open sesame"), "a@x.org", **LOGIN)


@pytest.mark.parametrize("rules", [(), (ONLY_LOGIN,)], ids=["PLAIN", "LOGIN"])
def test_a_refused_login_is_the_servers_fault(sink: Sink, deliver: Deliver, rules: tuple[str, ...]) -> None:
    with pytest.raises(Failure, match="535") as caught:
        deliver(sink(*rules, auth="ann:something else"), "a@x.org", **LOGIN)
    assert (caught.value.stage, caught.value.scope, caught.value.kind) == ("auth", "server", "temporary")


def test_no_login_where_one_is_wanted_condemns_no_delivery(sink: Sink, deliver: Deliver) -> None:
    failure = deliver(sink(auth="ann:open sesame"), "a@x.org").failures["a@x.org"]
    assert (failure.stage, failure.scope, failure.kind) == ("auth", "server", "temporary")


@pytest.mark.parametrize(
    ("offer", "words"), [("250 SIZE", "none"), ("250-x\\r\\n250 AUTH CRAM-MD5 XOAUTH2", "CRAM-MD5, XOAUTH2")]
)
def test_a_server_without_a_login_that_we_know_is_named(
    sink: Sink, deliver: Deliver, offer: str, words: str
) -> None:
    with pytest.raises(Failure, match=words) as caught:
        deliver(sink(f"any: garbage ehlo {offer}\\r\\n"), "a@x.org", **LOGIN)
    assert caught.value.stage == "auth"


def test_an_echoed_password_is_not_shown(
    sink: Sink, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = base64.b64encode(b"\0ann\0open sesame").decode()
    server = sink(f"any: reply auth 535 5.7.8 {token} means open sesame", auth="ann:open sesame")
    with pytest.raises(Failure) as caught:
        deliver(server, "a@x.org", **LOGIN)
    shown = f"{caught.value!r} {caught.value} {caught.value.reply} {caplog.text}"
    assert "535" in shown and "sesame" not in shown and token not in shown


def test_a_server_never_shows_its_login() -> None:
    shown = repr(Server("mail.example.org", **LOGIN))
    assert "ann" not in shown and "sesame" not in shown


def own_address() -> str | None:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family.name == "AF_INET" and not address.address.startswith("127."):
                return address.address
    return None


def test_a_password_never_leaves_this_machine_in_clear(sink: Sink) -> None:
    here = own_address()
    if here is None:
        pytest.skip("this machine has no address but loopback")
    server = sink(host="0.0.0.0", auth="ann:open sesame")
    with pytest.raises(Failure, match="not encrypted") as caught:
        asyncio.run(Session.open(Server(here, server.port, timeout=5, **LOGIN)))
    assert (caught.value.stage, caught.value.scope) == ("auth", "server")
