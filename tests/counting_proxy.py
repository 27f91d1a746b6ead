"""A proxy before a Unix socket that counts round trips: how often a client spoke after it was answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AWAY = 0.004
"""Seconds until an answer arrives: who waits for none has spoken by then."""


class RoundTrips:
    """Counted over all connections."""

    def __init__(self) -> None:
        self.number = 0
        self.openings = 0
        """Connections, each of which has some more."""

    def during(self, what: Callable[[], object]) -> int:
        before = self.number
        what()
        return self.number - before


@contextmanager
def counted(path: Path) -> Iterator[tuple[int, RoundTrips]]:
    """The port that leads to the socket at `path`, and what is counted there."""
    found = RoundTrips()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, path, found), daemon=True).start()
        yield listener.getsockname()[1], found


def _accept(listener: socket.socket, path: Path, found: RoundTrips) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        found.openings += 1
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(path))
        answered = threading.Event()
        answered.set()
        for source, target, is_client in ((client, server, True), (server, client, False)):
            ends = (source, target, is_client, answered, found)
            threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(
    source: socket.socket,
    target: socket.socket,
    is_client: bool,
    answered: threading.Event,
    found: RoundTrips,
) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            if is_client and answered.is_set():
                found.number += 1
                answered.clear()
            elif not is_client:
                time.sleep(AWAY)
                answered.set()
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
