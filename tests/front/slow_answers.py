"""A WSGI application with answers that are large, slow, or broken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

BLOCK, BLOCKS = b"0123456789abcdef" * 4096, 800
made = 0


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/large":
        yield from _large()
    elif path == "/made":
        yield str(made).encode()
    elif path == "/slow":
        time.sleep(1.5)
        yield b"done"
    elif path == "/process":
        time.sleep(0.4)
        yield f"process {os.getpid()}.".encode()
    elif path == "/breaks":
        yield BLOCK
        raise ValueError("in the middle")
    else:
        yield environ["wsgi.input"].read() or b"fine"


def _large() -> Iterator[bytes]:
    global made
    for _ in range(BLOCKS):
        yield BLOCK
    made += 1
