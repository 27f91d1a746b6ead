"""An application on a port of its own, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from socketserver import BaseServer
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Its URL, without a slash at the end."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serve(server)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def serve(server: BaseServer) -> None:
    """In a thread, until `shutdown()`, which would wait for half a second with the library's own interval."""
    Thread(target=partial(server.serve_forever, poll_interval=0.02), daemon=True).start()
