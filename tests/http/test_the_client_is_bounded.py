"""A real server on the far side, which does its worst."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailroom.http.answer import NoAnswer
from mailroom.http.client import LARGEST_HTTP_BODY
from mailroom.http.guard import Forbidden, Guard
from mailroom.sink.certificates import Kind, make_certificate
from tests.http.conftest import Call
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.usefixtures("each_loop")


def test_one_connection_serves_many_posts(caller: Call, receiver: Receiver) -> None:
    client = caller(receiver.url)
    assert [client.post().status for _ in range(5)] == [200] * 5
    assert receiver.connections == 1
    assert receiver.got[0].path == "/hooks?x=1"
    assert receiver.got[0].headers["host"] == receiver.url.split("/")[2]


def test_a_connection_that_the_server_closed_is_opened_again(caller: Call, receiver: Receiver) -> None:
    receiver.answer = lambda *_: (200, {"Connection": "close"}, b"")
    client = caller(receiver.url)
    assert [client.post().status for _ in range(2)] == [200, 200]
    assert receiver.connections == 2


def test_a_kept_connection_that_breaks_under_a_call_is_opened_again_once(caller: Call) -> None:
    asked: list[int] = []

    def serve(connection: socket.socket) -> None:
        """Answers the first request of a connection, and hangs up at the next."""
        for number in range(2):
            asked.append(number)
            read_request(connection)
            if number == 0:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    client = caller(raw(serve, connections=3))
    assert [client.post().status for _ in range(3)] == [200, 200, 200]
    assert len(asked) >= 5


def test_a_redirect_is_an_answer_and_not_followed(caller: Call, receiver: Receiver) -> None:
    receiver.answer = lambda *_: (302, {"Location": "http://127.0.0.1:1/secret"}, b"")
    assert caller(receiver.url).post().status == 302
    assert len(receiver.got) == 1


@pytest.mark.parametrize("wait", ["\u00b2", "\u2460", "\u0661", "-1", "1e9", "9" * 5_000, "x"])
def test_a_wait_that_is_no_number_of_seconds_is_none(caller: Call, wait: str) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        head = f"HTTP/1.1 503 Later\r\nRetry-After: {wait}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    answer = caller(raw(serve)).post()
    assert (answer.status, answer.retry_after) == (503, None)


def test_of_a_large_answer_only_the_beginning_is_read(caller: Call, receiver: Receiver) -> None:
    receiver.answer = lambda *_: (200, {}, b"x" * 10_000_000)
    assert len(caller(receiver.url).post().body) == LARGEST_HTTP_BODY


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_file_comes_whole_or_not_at_all(caller: Call, receiver: Receiver, connection: str) -> None:
    data = bytes(range(256)) * 4_000
    receiver.answer = lambda *_: (200, {"Connection": connection, "Content-Type": "image/png"}, data)
    answer = caller(receiver.url).get(largest=len(data))
    assert (answer.status, answer.body, answer.content_type) == (200, data, "image/png")
    with pytest.raises(NoAnswer, match="larger than"):
        caller(receiver.url).get(largest=len(data) - 1)


def test_a_body_that_follows_its_head_late_is_read(caller: Call) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        time.sleep(0.1)
        connection.sendall(b"late")
        connection.close()

    client = caller(raw(serve))
    assert client.post().body == b"late"


def test_a_file_without_a_length_is_bounded_as_well(caller: Call) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1000)

    with pytest.raises(NoAnswer, match="larger than 5,000"):
        caller(raw(serve)).get(largest=5_000)


def read_request(connection: socket.socket) -> None:
    """One of our POSTs, or what there is of it: who reads on after the end never ends."""
    while (data := connection.recv(65536)) and not data.endswith(b"{}"):
        pass


def raw(serve: Callable[[socket.socket], None], connections: int = 1) -> str:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        for _ in range(connections):
            connection, _ = listener.accept()
            with contextlib.suppress(OSError):
                serve(connection)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def drip(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "serve", [drip, lambda connection: time.sleep(5)], ids=["an octet a time", "silence"]
)
def test_the_whole_exchange_has_one_deadline(caller: Call, serve: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="no answer within"):
        caller(raw(serve), patience=0.5).post()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"]
)
def test_what_is_no_http_is_no_answer(caller: Call, answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    with pytest.raises(NoAnswer):
        caller(raw(serve)).post()


def test_nobody_there(caller: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoAnswer, match="refused"):
        caller(f"http://127.0.0.1:{port}/").post()


def test_a_name_that_leads_elsewhere_by_now_is_refused(caller: Call) -> None:
    client = caller("https://localhost/", Guard())
    with pytest.raises(Forbidden):
        client.post()


@pytest.mark.parametrize(("kind", "trusted"), [("self-signed", False), ("wrong-host", True), ("good", True)])
def test_tls_checks_the_name_not_the_address(
    caller: Call,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind,
    trusted: bool,
) -> None:
    pem = make_certificate(tmp_path, kind)
    receiver.speak_tls(pem)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    url = receiver.url.replace("http://127.0.0.1", "https://localhost")
    client = caller(url)
    if kind == "good":
        assert client.post().status == 200
        assert receiver.got[0].headers["host"].startswith("localhost:")
    else:
        with pytest.raises(NoAnswer, match="certificate is not valid"):
            client.post()
        assert receiver.got == []
