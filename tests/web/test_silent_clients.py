"""Clients that are slow, on purpose or not, keep no thread: beside many of them others are served."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers import wait_until
from tests.web_server import WebServer, read_all, statuses

MANY = 60
AT_ONCE = 2
"""Seconds within which somebody else is answered: no timeout of the front is as short."""

FORM = b"Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
POST = b"POST /sign-in HTTP/1.1\r\n" + FORM
WAYS = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ",
    "half a body": POST + b"Content-Length: 1000\r\n\r\nemail=",
    "half a large body": b"POST /mailings HTTP/1.1\r\n" + FORM + b"Content-Length: 1000000\r\n\r\nsender=",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\nemail=",
    "no last chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\ne\r\n",
    "no body after 100": b"POST /sign-in HTTP/1.1\r\n"
    + FORM
    + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    "one request, then nothing": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
}
SLOW = [way for way in WAYS if way != "one request, then nothing"]


@pytest.fixture
def web(settings_env: dict[str, str], tmp_path: Path) -> Iterator[WebServer]:
    """Patient: within a test nobody's time is over."""
    with WebServer(tmp_path, settings_env) as web:
        yield web


@pytest.fixture
def hasty(settings_env: dict[str, str], tmp_path: Path) -> Iterator[WebServer]:
    with WebServer(tmp_path, settings_env, head_seconds=1, patience=1, pace=1000) as web:
        yield web


@pytest.mark.parametrize("way", WAYS)
def test_many_slow_ones_keep_nobody_out(web: WebServer, way: str) -> None:
    key = web.new_key()
    with web.connections(MANY, WAYS[way]):
        assert web.is_healthy(AT_ONCE)
        assert web.send_mail(key, patience=AT_ONCE) == 200


@pytest.mark.parametrize("way", SLOW)
def test_one_that_says_nothing_more_is_let_go(hasty: WebServer, way: str) -> None:
    with hasty.connect(WAYS[way]) as slow:
        answer = read_all(slow, 6)
    assert statuses(answer)[-1:] in ([408], [])
    assert way == "nothing" or statuses(answer)


@pytest.mark.parametrize("way", ["half a head", "half a body", "half a chunk"])
def test_one_that_drips_is_let_go_as_well(hasty: WebServer, way: str) -> None:
    with hasty.connect(WAYS[way]) as slow:
        slow.settimeout(0.2)
        answer, began = b"", time.monotonic()
        while time.monotonic() - began < 8:
            with suppress(TimeoutError):
                if not (data := slow.recv(1000)):
                    break
                answer += data
            with suppress(OSError):
                slow.send(b"x")
    assert time.monotonic() - began < 8
    assert statuses(answer) == [408]


def test_a_body_that_keeps_the_pace_may_take_longer(hasty: WebServer) -> None:
    size, step = 10_000, 1_000
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size
    with hasty.connect(head) as client:
        for _ in range(size // step):
            client.sendall(b"x" * step)
            time.sleep(0.3)
        answer = read_all(client)
    assert statuses(answer) == [400]  # no token: it was read to its end


def test_many_who_do_not_read_their_answers_keep_nobody_out(web: WebServer) -> None:
    cookie, _ = web.sign_in()
    asks = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n" % cookie.encode()
    with web.connections(MANY) as slow:
        for connection in slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(asks * 20)
        assert web.is_healthy(AT_ONCE)


def test_more_than_there_is_room_for_keep_nobody_out(settings_env: dict[str, str], tmp_path: Path) -> None:
    with WebServer(tmp_path, settings_env, connections=50) as web:
        key = web.new_key()
        with web.connections(200, WAYS["half a body"]) as slow:
            assert web.is_healthy(AT_ONCE)
            assert web.send_mail(key, patience=AT_ONCE) == 200
            wait_until(lambda: is_closed(slow[0]), what="the end of who waits longest")


def test_what_they_send_does_not_fill_the_memory(settings_env: dict[str, str], tmp_path: Path) -> None:
    beginning = WAYS["half a body"].replace(b"1000", b"60000") + b"x" * 50_000
    web = WebServer(tmp_path, settings_env, memory=1_000_000)
    with web, web.connections(100, beginning) as slow:
        assert web.is_healthy(AT_ONCE)
        wait_until(lambda: sum(map(is_closed, slow)) >= 75, what="the end of most of them")
        assert not all(map(is_closed, slow))


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
