"""Connections that a trusted proxy opens count for the clients that it asks for, not for the proxy."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

from mailroom.front.crowd import Crowd
from mailroom.front.limits import FrontLimits
from tests.servers import wait_until
from tests.web_server import WebServer

PLACES = 20


def half_a_form(client: str) -> bytes:
    """As a proxy passes it on that does not wait for all of it."""
    lines = ("POST /sign-in HTTP/1.1", "Host: x", f"X-Forwarded-For: 1.1.1.1, {client}", "Content-Length: 9")
    return "\r\n".join([*lines, "", "email="]).encode()


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionResetError:
        return False


def connected(stack: ExitStack, web: WebServer, number: int, address: str) -> list[socket.socket]:
    return [
        stack.enter_context(socket.create_connection(("127.0.0.1", web.port), 10, (address, 0)))
        for _ in range(number)
    ]


def test_its_clients_stay_when_somebody_else_takes_more_than_his_share(
    settings_env: dict[str, str], tmp_path: Path
) -> None:
    with WebServer(tmp_path, settings_env, connections=PLACES) as web, ExitStack() as stack:
        proxied = connected(stack, web, 12, "127.0.0.1")
        for number, connection in enumerate(proxied):
            connection.sendall(half_a_form(f"192.0.2.{number}"))
        assert web.is_healthy(2)
        greedy = connected(stack, web, 11, "127.0.0.2")
        wait_until(lambda: sum(map(is_open, [*proxied, *greedy])) <= PLACES)
        assert all(map(is_open, proxied))


def test_a_greedy_one_behind_it_loses_his_own(settings_env: dict[str, str], tmp_path: Path) -> None:
    with WebServer(tmp_path, settings_env, connections=PLACES) as web, ExitStack() as stack:
        honest = connected(stack, web, 8, "127.0.0.1")
        for number, connection in enumerate(honest):
            connection.sendall(half_a_form(f"192.0.2.{number}"))
        greedy = connected(stack, web, 8, "127.0.0.1")
        for connection in greedy:
            connection.sendall(half_a_form("198.51.100.1"))
        assert web.is_healthy(2)
        others = connected(stack, web, 6, "127.0.0.2")
        wait_until(lambda: sum(map(is_open, greedy)) <= PLACES - len(honest) - len(others))
        assert all(map(is_open, [*honest, *others]))


def test_a_stranger_cannot_spread_over_many_addresses(settings_env: dict[str, str], tmp_path: Path) -> None:
    with WebServer(tmp_path, settings_env, connections=PLACES) as web, ExitStack() as stack:
        honest = connected(stack, web, 9, "127.0.0.3")
        greedy = connected(stack, web, 11, "127.0.0.2")
        for number, connection in enumerate(greedy):
            connection.sendall(half_a_form(f"192.0.2.{number}"))
        assert web.is_healthy(2)
        late = connected(stack, web, 2, "127.0.0.4")
        wait_until(lambda: sum(map(is_open, greedy)) <= PLACES - len(honest) - len(late))
        assert all(map(is_open, [*honest, *late]))


class Guest:
    memory = disk = 0
    deadline = 0.0

    def __init__(self, crowd: Crowd, address: str) -> None:
        self.crowd, self.address, self.is_there = crowd, address, True
        crowd.add(self)

    def expire(self) -> None: ...

    def drop(self) -> None:
        self.is_there = False
        self.crowd.remove(self)


def test_one_that_moves_to_another_address_is_counted_once() -> None:
    crowd = Crowd(FrontLimits(connections=2))
    moved, other = Guest(crowd, "proxy"), Guest(crowd, "proxy")
    crowd.work(moved)
    moved.address = "client"
    crowd.wait(moved)
    Guest(crowd, "third")
    assert [moved.is_there, other.is_there] == [True, False] and len(crowd) == 2
