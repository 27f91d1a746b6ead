"""The mail server's name is looked up beside the loop, not for ever, and kept while nobody answers."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailroom import host_names
from mailroom.host_names import HostName
from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.session import Session
from tests.smtp.conftest import Sink, Tray

NAME = "mail.relay.example"
HERE, NOWHERE = "127.0.0.1", "127.0.0.2"


class NameServer:
    """The system's resolver, as it is told to be."""

    def __init__(self) -> None:
        self.says: str | Exception | None = HERE  # None: nothing
        self.goes_on = threading.Event()
        self.asked = 0
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: str, port: int, *args: Any, **more: Any) -> Any:
        if host != NAME:
            return self._real(host, port, *args, **more)
        self.asked += 1
        says = self.says
        if says is None:
            self.goes_on.wait(20)
            says = self.says or socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if isinstance(says, Exception):
            raise says
        return self._real(says, port, *args, **more)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    monkeypatch.setattr(host_names, "REFRESH_PATIENCE", 0.1)
    yield server
    server.goes_on.set()


async def stood_still(during: Callable[[], Any]) -> tuple[float, Any]:
    """How long the loop stood still at most, and what the coroutine returned or raised."""
    task = asyncio.ensure_future(during())
    longest, before = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.01)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    return longest, task.exception() or task.result()


def visit(server: Server) -> Any:
    """A mail handed over in a session of its own; or the Failure, with the loop awake all the while."""

    async def hand_over() -> Any:
        tray = Tray("a@x.org")
        session = await Session.open(server)
        await session.run(tray)
        await session.close()
        return tray.outcomes["a@x.org"]

    still, result = asyncio.run(stood_still(hand_over))
    assert still < 0.25
    return result


def test_a_silent_one_is_waited_for_beside_the_loop_and_not_for_ever(names: NameServer) -> None:
    names.says = None
    began = time.monotonic()
    failure = visit(Server(NAME, 25, timeout=0.4))
    assert isinstance(failure, Failure) and (failure.scope, failure.stage) == ("server", "connect")
    words = "its name could not be looked up (the name server did not answer within 0.4 seconds)"
    assert failure.message == f"{NAME}:25 cannot be reached: {words}"
    assert time.monotonic() - began < 2, "not even the end of the loop waits for it"


def test_it_has_one_thread_however_many_sessions_ask(names: NameServer) -> None:
    names.says = None
    server = Server(NAME, 25, timeout=0.3)

    async def many() -> list[Any]:
        return await asyncio.gather(*(Session.open(server) for _ in range(50)), return_exceptions=True)

    for _ in range(2):
        assert all(isinstance(one, Failure) for one in asyncio.run(many()))
    assert names.asked == 1


def test_an_answer_that_comes_too_late_is_the_next_one_s(names: NameServer, sink: Sink) -> None:
    port = sink().port
    name = HostName(NAME, port)
    names.says = None
    with pytest.raises(OSError, match="could not be looked up"):
        asyncio.run(name.addresses(0.1))
    names.says = HERE
    names.goes_on.set()

    async def soon() -> Any:
        return await name.addresses(5)

    assert asyncio.run(soon())[0][4] == (HERE, port)


def test_an_answer_is_kept_for_a_while_and_no_longer(
    names: NameServer, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(NAME, sink().port)
    for _ in range(3):
        assert isinstance(visit(server), Reply)
    assert names.asked == 1
    monkeypatch.setattr(server.host_name, "_fresh_until", 0.0)
    assert isinstance(visit(server), Reply)
    assert names.asked == 2


@pytest.mark.parametrize(
    "away",
    [None, socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), OSError(24, "Too many open files")],
    ids=["silent", "broken", "no files"],
)
def test_the_last_good_answer_is_used_while_it_is_away(
    names: NameServer, sink: Sink, monkeypatch: pytest.MonkeyPatch, away: Exception | None
) -> None:
    server = Server(NAME, sink().port)
    assert isinstance(visit(server), Reply)
    monkeypatch.setattr(server.host_name, "_fresh_until", 0.0)
    names.says = away
    began = time.monotonic()
    for _ in range(3):
        assert isinstance(visit(server), Reply)
    assert names.asked == 2 and time.monotonic() - began < 2, "nor is it waited for each time"


def test_a_name_that_is_gone_is_believed(
    names: NameServer, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(NAME, sink().port)
    assert isinstance(visit(server), Reply)
    monkeypatch.setattr(server.host_name, "_fresh_until", 0.0)
    names.says = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    failure = visit(server)
    assert isinstance(failure, Failure) and failure.message.endswith(": Name or service not known")


def test_an_address_where_nobody_answers_is_asked_for_again_at_the_next_try(
    names: NameServer, sink: Sink
) -> None:
    server = Server(NAME, sink().port)
    names.says = NOWHERE
    failure = visit(server)
    assert isinstance(failure, Failure) and "Connection refused" in failure.message
    names.says = HERE
    assert isinstance(visit(server), Reply), "it came back"
    assert names.asked == 2


@pytest.mark.usefixtures("each_loop")
def test_where_nobody_answered_is_no_last_good_answer(names: NameServer, sink: Sink) -> None:
    server = Server(NAME, sink().port)
    assert isinstance(visit(server), Reply)
    server.host_name._fresh_until = 0.0
    names.says = NOWHERE
    assert isinstance(visit(server), Failure)
    names.says = None
    assert isinstance(visit(server), Reply), "where somebody answered"


@pytest.mark.usefixtures("each_loop")
def test_an_address_is_no_name(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    port = sink().port

    def never(*asked: Any, **more: Any) -> Any:
        assert more["flags"] == socket.AI_NUMERICHOST
        return real(*asked, **more)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", never)
    assert isinstance(visit(Server("127.0.0.1", port)), Reply)


def test_no_thread_for_it_can_be_had(names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    class None_(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "Thread", None_)
    name = HostName(NAME, 25)
    for _ in range(2):
        with pytest.raises(OSError, match="can't start new thread"):
            asyncio.run(name.addresses(1))
