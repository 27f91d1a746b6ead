"""A large answer is made at the application's pace and read at the client's: no thread waits for that."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.front.slow_answers import BLOCK, BLOCKS
from tests.servers import wait_until
from tests.web_server import WebServer, read_all

APPLICATION = "tests.front.slow_answers:app"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    with WebServer(tmp_path, {}, application=APPLICATION, patience=3) as web:
        yield web


def made(web: WebServer) -> int:
    return int(web.ask("GET", "/made")[1])


def open_slowly(web: WebServer) -> socket.socket:
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", web.port))
    slow.sendall(LARGE)
    return slow


def test_it_arrives_whole(web: WebServer) -> None:
    status, body = web.ask("GET", "/large")
    assert (status, body) == (200, BLOCK * BLOCKS)


def test_threads_are_free_while_nobody_reads(web: WebServer) -> None:
    worker = psutil.Process(web.process.pid).children()[0]
    before = worker.memory_info().rss
    many = [open_slowly(web) for _ in range(4)]  # with two threads
    wait_until(lambda: made(web) == 4, 20, "four answers")
    assert worker.memory_info().rss - before < 30 << 20  # of 200 MiB
    for one in many:
        one.close()


def test_it_arrives_whole_at_a_slow_reader_too(web: WebServer) -> None:
    with open_slowly(web) as slow:
        wait_until(lambda: made(web) == 1, 20, "the answer")
        assert read_all(slow, 30).count(b"0123456789abcdef") >= len(BLOCK) * BLOCKS // 16 - BLOCKS


def test_one_that_reads_nothing_is_let_go(web: WebServer) -> None:
    worker = psutil.Process(web.process.pid).children()[0]
    files = worker.num_fds()
    with open_slowly(web):
        wait_until(lambda: made(web) == 1, 20, "the answer")
        assert worker.num_fds() > files
        wait_until(lambda: worker.num_fds() <= files, 10, "its end")


def test_what_breaks_in_the_middle_is_seen_to_be_broken(web: WebServer) -> None:
    answer = web.say(b"GET /breaks HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and not answer.endswith(b"0\r\n\r\n")
    assert web.is_healthy(2)


def test_those_who_hang_up_at_once_leave_no_traceback(web: WebServer) -> None:
    for number in range(200):
        with web.connect(b"GET /made HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as hasty:
            reset = struct.pack("ii", number % 2, 0)
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert made(web) == 0
    assert "Exception in callback" not in web.log.read_text()
