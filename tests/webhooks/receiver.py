"""The far side of a webhook or an address: a real HTTP server that keeps what it got and answers as told."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.servers import wait_until
from tests.serving import serve


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """`answer(number, received)` gives (status, headers, body); the first request is number 1."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.delay = 0.0
        self.connections = 0
        self.answer: Callable[[int, Received], tuple[int, dict[str, str], bytes]] = lambda *_: (
            200,
            {},
            b"ok",
        )
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                self._take(self.rfile.read(int(self.headers["Content-Length"])))

            def do_GET(self) -> None:
                self._take(b"")

            def _take(self, body: bytes) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.path, headers, body)
                receiver.got.append(received)
                status, more, answer = receiver.answer(len(receiver.got), received)
                time.sleep(receiver.delay)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                if "Content-Length" not in more:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that hung up is no concern of a test."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks?x=1"
        serve(self.server)

    def speak_tls(self, pem: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, number: int, timeout: float = 20) -> list[Received]:
        wait_until(lambda: len(self.got) >= number, timeout, f"{number} webhooks, not {len(self.got)}")
        return self.got

    @property
    def types(self) -> list[str]:
        return [received.event["type"] for received in self.got]
