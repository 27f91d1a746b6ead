"""Ports on 127.0.0.1: which are taken, which are next."""

from __future__ import annotations

import random
import socket

LOOPBACK_HOST = "127.0.0.1"
EVERY_HOST = "0.0.0.0"


def listen(port: int, host: str = LOOPBACK_HOST) -> socket.socket:
    """A socket that listens on `port`; 0 takes any free one. OSError when it is taken."""
    return socket.create_server((host, port), backlog=128)


def listen_from(first: int, host: str = LOOPBACK_HOST) -> socket.socket:
    """A socket on `first`, or on the next free port after it."""
    for port in range(first, min(first + 100, 65536)):
        try:
            return listen(port, host)
        except OSError:
            continue
    return listen(0, host)


def number(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    try:
        listen(port).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port that nobody listens on now; for servers that insist on binding it themselves.

    Below the range that systems take outgoing connections' ports from, and at random: so
    it is still free when that server binds it, and when it is started again.
    """
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        if is_free(port):
            return port
    raise OSError("no free port between 20,000 and 32,000")
