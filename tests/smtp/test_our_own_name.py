"""Our name in EHLO: what is set, or this machine's full name, or its address; asked once in a process."""

from __future__ import annotations

import socket
import time

import pytest

from mailroom.settings import SettingsError, load
from mailroom.smtp import own_name
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import server_from
from tests.smtp.conftest import Deliver, Sink
from tests.smtp.test_the_server_of_the_settings import ENVIRONMENT

WANTS_A_FULL_NAME = (
    "helo localhost: reply rcpt 504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"
)


def greeted(sink: Sink, deliver: Deliver, helo: str | None) -> str:
    server = sink(WANTS_A_FULL_NAME)
    assert isinstance(deliver(server, "a@x.org", helo=helo).outcomes["a@x.org"], Reply)
    return server.messages()[0].helo


@pytest.mark.parametrize(("helo", "said"), [(None, "[127.0.0.1]"), ("mail.example.org", "mail.example.org")])
def test_it_is_an_address_unless_a_name_is_known(
    sink: Sink, deliver: Deliver, helo: str | None, said: str
) -> None:
    assert greeted(sink, deliver, helo) == said


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("::1", "[IPv6:::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("::ffff:192.0.2.1", "[192.0.2.1]"),
    ],
)
def test_an_address_stands_in_brackets(address: str, literal: str) -> None:
    assert own_name.address_literal(address) == literal


@pytest.mark.parametrize(
    ("host", "full", "known"),
    [
        ("mx1.example.org", "never.asked.example", "mx1.example.org"),
        ("mx1", "mx1.example.org", "mx1.example.org"),
        ("mx1", "mx1", None),
        ("localhost", "localhost", None),
        ("mx1", "localhost.localdomain", None),
        ("mx1", "localhost4.localdomain4", None),
        ("mx1.local", "1.0.0.127.in-addr.arpa", None),
        ("mx1", "10.0.0.7", None),
        ("mx_1", "mx 1.example.org", None),
    ],
)
def test_only_a_full_name_is_one(
    monkeypatch: pytest.MonkeyPatch, host: str, full: str, known: str | None
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    monkeypatch.setattr(socket, "getfqdn", lambda name="": full)
    assert own_name.own_full_name() == known


def test_a_resolver_that_is_silent_holds_up_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_name, "LOOK_UP_SECONDS", 0.05)
    monkeypatch.setattr(socket, "gethostname", lambda: "mx1")
    monkeypatch.setattr(socket, "getfqdn", lambda name="": time.sleep(1))
    began = time.monotonic()
    assert own_name.own_full_name() is None
    assert time.monotonic() - began < 0.9


def test_a_session_asks_no_resolver(sink: Sink, deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(name: str = "") -> str:
        raise AssertionError("the event loop would stand still")

    monkeypatch.setattr(socket, "getfqdn", asked)
    assert greeted(sink, deliver, None) == "[127.0.0.1]"


@pytest.mark.parametrize("name", ["mailroom.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
def test_the_setting_goes_before_what_the_machine_says(name: str) -> None:
    settings = load({**ENVIRONMENT, "MAILROOM_HELO": name})
    assert server_from(settings, "mx1.example.org").helo == name
    assert server_from(load(ENVIRONMENT), "mx1.example.org").helo == "mx1.example.org"


@pytest.mark.parametrize("name", ["localhost", "a b.example", "x.example\rMAIL", "[localhost]", "[10.0.0]"])
def test_a_setting_that_no_server_would_take_stops_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match="MAILROOM_HELO must be a full name"):
        load({**ENVIRONMENT, "MAILROOM_HELO": name})
