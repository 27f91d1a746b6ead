"""SSRF: names that lead elsewhere a moment later, hosts read otherwise, and what the environment says."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from mailroom.http import guard as module
from mailroom.http.answer import NoAnswer
from mailroom.http.client import Client
from mailroom.http.guard import Forbidden, Guard, Target
from mailroom.sink.certificates import make_certificate
from tests.http.conftest import GUARD, Call
from tests.webhooks.receiver import Receiver

HERE = ip_address("127.0.0.1")


def answers(*addresses: str) -> Any:
    """A name server that says something else every time, and its list of questions."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        address = addresses[min(len(asked), len(addresses)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return getaddrinfo, asked


@pytest.mark.usefixtures("each_loop")
def test_a_name_is_asked_once_for_each_connection_and_what_it_said_is_called(
    caller: Call, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = make_certificate(tmp_path, "good")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    receiver.speak_tls(pem)
    getaddrinfo, asked = answers("127.0.0.1", "127.0.0.2")
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(module, "is_public", lambda address: ip_address(address) == HERE)
    receiver.answer = lambda number, _: (200, {"Connection": "close"} if number == 2 else {}, b"")
    client = caller(receiver.url.replace("http://127.0.0.1", "https://localhost"), Guard())
    assert [client.post().status for _ in range(2)] == [200, 200]
    assert asked == ["localhost"]
    with pytest.raises(Forbidden, match="not on the public internet"):
        client.post()
    assert asked == ["localhost", "localhost"] and receiver.connections == 1


class Fooled(Guard):
    """Takes a private address for a name, as a parser may that reads a URL otherwise."""

    def target(self, url: str) -> Target:
        return Target("https", "127.0.0.1", int(url), "/")


def test_the_address_of_every_socket_is_judged_however_the_host_was_read(
    caller: Call, receiver: Receiver
) -> None:
    client = caller(str(receiver.server.server_port), Fooled())
    for _ in range(2):
        with pytest.raises(NoAnswer, match="127.0.0.1 is not on the public internet"):
            client.post()
    assert receiver.connections == 0


def test_the_environment_names_no_proxy_and_no_password(
    caller: Call, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert caller(receiver.url).post().status == 200
    assert "authorization" not in receiver.got[0].headers


def test_what_is_sent_is_what_was_asked_for_and_no_cookie(caller: Call, receiver: Receiver) -> None:
    receiver.answer = lambda *_: (200, {"Set-Cookie": "a=b"}, b"")
    client = caller(receiver.url.replace("127.0.0.1", "localhost"))
    for _ in range(2):
        client.post(b"{}", {"Content-Type": "application/json", "User-Agent": "Mailroom"})
    names = {"host", "content-type", "user-agent", "content-length", "accept-encoding"}
    assert [set(got.headers) for got in receiver.got] == [names, names]


@pytest.mark.usefixtures("each_loop")
def test_a_slow_name_server_holds_up_no_other_lookup_and_no_thread_of_the_pool(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves, over = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: str, *args: Any, **more: Any) -> Any:
        if host == "slow.example":
            over.wait(10)
        return resolves("127.0.0.1", *args, **more)

    async def others() -> float:
        slow = [Client("http://slow.example/", Guard(("slow.example",)), 3) for _ in range(40)]
        waiting = [asyncio.create_task(client.post(b"", {})) for client in slow]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        client = Client(receiver.url.replace("127.0.0.1", "localhost"), GUARD)
        assert (await client.post(b"{}", {})).status == 200
        await asyncio.get_running_loop().getaddrinfo("localhost", 25)
        took = time.monotonic() - began
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        for each in (client, *slow):
            await each.close()
        return took

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    began = time.monotonic()
    assert asyncio.run(others()) < 1
    assert time.monotonic() - began < 3, "it ends without waiting for the name server"
    over.set()
