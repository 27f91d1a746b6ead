"""SIGTERM: what was asked is answered, who asks nothing is not waited for, and it takes seconds."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.front.test_answers_wait_for_slow_readers import APPLICATION
from tests.servers import wait_until
from tests.web_server import WebServer, read_all, statuses


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    with WebServer(tmp_path, {}, application=APPLICATION) as web:
        yield web


def test_a_request_in_flight_is_answered(web: WebServer) -> None:
    answers = list[tuple[int, bytes]]()
    asking = threading.Thread(target=lambda: answers.append(web.ask("GET", "/slow")))
    asking.start()
    time.sleep(0.5)
    web.process.send_signal(signal.SIGTERM)
    asking.join()
    assert answers == [(200, b"done")]
    assert web.process.wait(5) == 0


def test_a_body_that_is_on_its_way_may_arrive(web: WebServer) -> None:
    with web.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello") as client:
        time.sleep(0.3)
        web.process.send_signal(signal.SIGTERM)
        time.sleep(0.7)
        client.sendall(b"world")
        answer = read_all(client)
    assert statuses(answer) == [200] and b"Connection: close" in answer and b"helloworld" in answer


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["silent", "kept"])
def test_those_who_ask_nothing_are_not_waited_for(web: WebServer, beginning: bytes) -> None:
    with web.connections(60, beginning):
        began = time.monotonic()
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(10) == 0
    assert time.monotonic() - began < 4


def test_half_requests_hold_it_up_for_seconds_only(web: WebServer) -> None:
    with web.connections(60, b"GET / HTTP/1.1\r\nHost: x\r\n"):
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(10) == 0


@pytest.mark.parametrize("whom", ["the first process", "all, as a terminal that hangs up"])
def test_sighup_loads_it_anew_and_a_request_in_flight_is_answered(web: WebServer, whom: str) -> None:
    before = psutil.Process(web.process.pid).children()
    answers = list[tuple[int, bytes]]()
    asking = threading.Thread(target=lambda: answers.append(web.ask("GET", "/slow")))
    asking.start()
    time.sleep(0.5)
    for pid in [web.process.pid, *(one.pid for one in before if whom.startswith("all"))]:
        os.kill(pid, signal.SIGHUP)
    asking.join()
    assert answers == [(200, b"done")]
    wait_until(lambda: not any(one.is_running() for one in before), 20, "the end of those before")
    assert web.is_healthy(2)


def test_a_process_that_dies_is_replaced(web: WebServer) -> None:
    first = psutil.Process(web.process.pid).children()[0]
    first.kill()
    wait_until(lambda: web.is_healthy(2), 20, "another one")
    assert psutil.Process(web.process.pid).children()[0].pid != first.pid


def test_a_process_ends_after_so_many_requests_and_another_goes_on(tmp_path: Path) -> None:
    options = "--workers 1 --threads 2 --max-requests 5"
    with WebServer(tmp_path, {}, options, application=APPLICATION) as web:
        first = psutil.Process(web.process.pid).children()[0]
        assert all(web.is_healthy(10) for _ in range(10))
        wait_until(lambda: not first.is_running(), what="its end")
        assert web.is_healthy(10)


def test_it_listens_on_a_unix_socket_too(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    options = f"--workers 1 --threads 2 --bind unix:{path}"
    with WebServer(tmp_path, {}, options, application=APPLICATION), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert statuses(read_all(client)) == [200]


def test_few_files_are_enough(tmp_path: Path) -> None:
    """The system lets it open 130: it makes do with 15 connections, and still nobody is kept out."""
    with WebServer(tmp_path, {}, application=APPLICATION) as web:
        worker = psutil.Process(web.process.pid).children()[0]
        psutil.Process(web.process.pid).rlimit(psutil.RLIMIT_NOFILE, (130, 130))
        worker.kill()
        wait_until(lambda: web.is_healthy(2), 20, "another one")
        with web.connections(200, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"):
            assert web.is_healthy(2)
            assert psutil.Process(web.process.pid).children()[0].num_fds() < 130
