"""The way to a server counts how often somebody waits for it, on a machine that holds them up as well."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.way import Way


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[Way, socket.socket]]:
    """A server that answers each word with the same word."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "server"))
        listener.listen()

        def serve() -> None:
            there, _ = listener.accept()
            with there:
                while word := there.recv(100):
                    there.sendall(word)

        threading.Thread(target=serve, daemon=True).start()
        way = Way(tmp_path / "server")
        way.answers_after = 0.02
        with socket.create_connection(("127.0.0.1", way.port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield way, client
        way.end()


def test_a_pause_between_two_words_is_no_round_trip(far: tuple[Way, socket.socket]) -> None:
    way, client = far
    pauses: list[float] = []

    def two_words() -> None:
        client.sendall(b"a")
        time.sleep(pauses.pop(0) if pauses else 0)
        client.sendall(b"b")
        come = b""
        while len(come) < 2:
            come += client.recv(2)

    pauses[:] = [0.5]
    assert way.fewest(two_words, 2) == 2, "it looks as if one had waited for the other"
    pauses[:] = [0.5]
    assert way.fewest(two_words, 1) == 1
    assert way.answers_after == 0.02


def test_what_waits_twice_waits_twice_however_often_it_is_looked_at(far: tuple[Way, socket.socket]) -> None:
    way, client = far
    looks: list[float] = []

    def twice() -> None:
        looks.append(way.answers_after)
        for word in (b"a", b"b"):
            client.sendall(word)
            assert client.recv(1) == word

    assert way.fewest(twice, 1) == 2
    assert looks == [0.02, 0.04, 0.08, 0.16, 0.32]
