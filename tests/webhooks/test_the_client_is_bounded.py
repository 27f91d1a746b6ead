"""A real server on the far side, which does its worst."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailroom.delivery.guard import Forbidden, Guard
from mailroom.delivery.http import LARGEST, Client, NoAnswer
from mailroom.local.sink.certificates import Kind, make_certificate
from tests.webhooks.receiver import Receiver

GUARD = Guard(("127.0.0.1", "localhost"))


def test_one_connection_serves_many_posts(receiver: Receiver) -> None:
    client = Client(receiver.url, GUARD)
    assert [client.post(b"{}", {}).status for _ in range(5)] == [200] * 5
    assert receiver.connections == 1
    assert receiver.got[0].path == "/hooks?x=1"
    assert receiver.got[0].headers["host"] == receiver.url.split("/")[2]
    client.close()


def test_a_connection_that_was_closed_meanwhile_is_opened_again(receiver: Receiver) -> None:
    client = Client(receiver.url, GUARD)
    receiver.answer = lambda *_: (200, {"Connection": "close"}, b"")
    assert [client.post(b"{}", {}).status for _ in range(2)] == [200, 200]
    client._connection and client._connection.sock and client._connection.sock.close()
    assert client.post(b"{}", {}).status == 200


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda *_: (302, {"Location": "http://127.0.0.1:1/secret"}, b"")
    assert Client(receiver.url, GUARD).post(b"{}", {}).status == 302
    assert len(receiver.got) == 1


def test_of_a_large_answer_only_the_beginning_is_read(receiver: Receiver) -> None:
    receiver.answer = lambda *_: (200, {}, b"x" * 10_000_000)
    assert len(Client(receiver.url, GUARD).post(b"{}", {}).body) == LARGEST


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_file_comes_whole_or_not_at_all(receiver: Receiver, connection: str) -> None:
    data = bytes(range(256)) * 4_000
    receiver.answer = lambda *_: (200, {"Connection": connection, "Content-Type": "image/png"}, data)
    answer = Client(receiver.url, GUARD).get({}, largest=len(data))
    assert (answer.status, answer.body, answer.content_type) == (200, data, "image/png")
    with pytest.raises(NoAnswer, match="larger than"):
        Client(receiver.url, GUARD).get({}, largest=len(data) - 1)


def test_a_body_that_follows_its_head_late_is_read() -> None:
    def serve(connection: socket.socket) -> None:
        while not connection.recv(65536).endswith(b"{}"):
            pass
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        time.sleep(0.1)
        connection.sendall(b"late")
        connection.close()

    client = Client(raw(serve), GUARD)
    assert client.post(b"{}", {}).body == b"late"


def test_a_file_without_a_length_is_bounded_as_well() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1000)

    with pytest.raises(NoAnswer, match="larger than 5,000"):
        Client(raw(serve), GUARD).get({}, largest=5_000)


def raw(serve: Callable[[socket.socket], None]) -> str:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
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
def test_the_whole_exchange_has_one_deadline(serve: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="no answer within"):
        Client(raw(serve), GUARD, patience=0.5).post(b"{}", {})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"]
)
def test_what_is_no_http_is_no_answer(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    with pytest.raises(NoAnswer):
        Client(raw(serve), GUARD).post(b"{}", {})


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoAnswer, match="refused"):
        Client(f"http://127.0.0.1:{port}/", GUARD).post(b"{}", {})


def test_a_name_that_leads_elsewhere_by_now_is_refused() -> None:
    client = Client("https://localhost/", Guard())
    with pytest.raises(Forbidden):
        client.post(b"{}", {})


@pytest.mark.parametrize(("kind", "trusted"), [("self-signed", False), ("wrong-host", True), ("good", True)])
def test_tls_checks_the_name_not_the_address(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, trusted: bool
) -> None:
    import ssl

    pem = make_certificate(tmp_path, kind)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    url = receiver.url.replace("http://127.0.0.1", "https://localhost")
    client = Client(url, GUARD)
    if kind == "good":
        assert client.post(b"{}", {}).status == 200
        assert receiver.got[0].headers["host"].startswith("localhost:")
    else:
        with pytest.raises(NoAnswer, match="certificate is not valid"):
            client.post(b"{}", {})
        assert receiver.got == []
