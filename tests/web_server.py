"""The web process as deploy/gunicorn.conf.py sets it up, with one process and less patience if asked for."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys, users
from tests.ports import own_port
from tests.servers import wait_until
from tests.warm_processes import start_python

ROOT = Path(__file__).resolve().parents[1]
OWNER = "ann@example.org"
MAILROOM = "app:create_app()"
BARE = "from mailroom.front.worker import Front\nworker_class, graceful_timeout = Front, 6\n"
"""For another application than Mailroom."""

CONFIGURATION = ROOT / "deploy" / "gunicorn.conf.py"


class WebServer:
    """`with WebServer(...) as web:`; `limits` are fields of mailroom.front.limits.FrontLimits.

    `configuration`: what gunicorn is told beyond its own configuration, in Python; `port`: of one before it.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        options: str = "--workers 1 --threads 2",
        application: str = MAILROOM,
        configuration: str = "",
        port: int = 0,
        **limits: float,
    ) -> None:
        self.port = port or own_port()
        self.log = folder / "web.log"
        self._environment = {
            **os.environ,
            **environment,
            "PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self.port} {options}",
        }
        self._database_url = environment.get("DATABASE_URL", "")
        self._application = application
        self._config = folder / "gunicorn.conf.py"
        self._config.write_text(
            f"{CONFIGURATION.read_text() if application == MAILROOM else BARE}\n"
            "from mailroom.front.limits import FrontLimits\n"
            f"Front.limits = FrontLimits(**{limits!r})\n"
            f"{configuration}"
        )

    def __enter__(self) -> WebServer:
        words = ["-m", "gunicorn", "-c", str(self._config), self._application]
        self.process = start_python(words, self._environment, self.log)
        try:
            wait_until(lambda: self.process.poll() is not None or self.is_healthy(1), 30, "the web process")
            assert self.process.poll() is None, self.log.read_text()
        except AssertionError:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        finally:
            self.process.kill()

    # Somebody who means no harm

    def is_healthy(self, patience: float) -> bool:
        """Whether a stranger is answered."""
        try:
            return self.ask("GET", "/healthz", patience=patience)[0] == 200
        except OSError:
            return False

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 10,
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def submit(self, path: str, fields: Mapping[str, str], cookie: str) -> tuple[int, str]:
        """A form of a browser that is signed in; the answer's status and Location."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", path, urlencode(fields), headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("Location", "")
        finally:
            connection.close()

    def new_key(self) -> str:
        database = Database(self._database_url)
        with database.begin() as connection:
            key = api_keys.add(connection, "test", scopes=["send", "read"])[0]
        database.dispose()
        return str(key)

    def send_mail(self, key: str, text: str = "Hello.", patience: float = 10) -> int:
        """POST /api/v1/emails; the status."""
        mail = {"from": "post@mailroom.example", "to": ["ann@mail.example"], "subject": "Hello", "text": text}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return self.ask("POST", "/api/v1/emails", json.dumps(mail).encode(), headers, patience)[0]

    def sign_in(self) -> tuple[str, str]:
        """A browser's cookie, and the token of its forms."""
        database = Database(self._database_url)
        with database.begin() as connection:
            user = users.by_email(connection, "ann@example.org") or users.add(
                connection, "ann@example.org", None
            )
            path = f"/sign-in?token={users.make_link(connection, user.id)}"
        database.dispose()
        connection_ = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection_.request("GET", path)
            answer = connection_.getresponse()
            answer.read()
            cookie = _cookie(answer)
            connection_.request("GET", "/", headers={"Cookie": cookie})
            page = connection_.getresponse()
            found = re.search(rb'name="csrf_token" value="([^"]+)"', page.read())
            assert found, "no form for a browser that is signed in"
            return _cookie(page) or cookie, found[1].decode()
        finally:
            connection_.close()

    def form_token(self, path: str) -> tuple[str, str]:
        """A stranger's cookie, and the token of the form on that page."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            page = connection.getresponse()
            found = re.search(rb'name="csrf_token" value="([^"]+)"', page.read())
            assert found, "no form on that page"
            return _cookie(page), found[1].decode()
        finally:
            connection.close()

    # Somebody who does

    @contextmanager
    def connections(self, number: int, beginning: bytes = b"") -> Iterator[list[socket.socket]]:
        """So many at once, each of which has said `beginning`."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.connect(beginning)) for _ in range(number)]

    def connect(self, beginning: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(beginning)
        return connection

    def say(self, data: bytes, patience: float = 10) -> bytes:
        """What is answered until the connection is closed."""
        with self.connect() as connection:
            with suppress(OSError):
                connection.sendall(data)
            return read_all(connection, patience)


def read_all(connection: socket.socket, patience: float = 10) -> bytes:
    """Until the other side closes. Raises TimeoutError when it does not in time."""
    deadline, parts = time.monotonic() + patience, list[bytes]()
    with suppress(ConnectionResetError):
        while True:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            data = connection.recv(65536)
            if not data:
                break
            parts.append(data)
    return b"".join(parts)


def statuses(answers: bytes) -> list[int]:
    """Of the answers on one connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers)]


def _cookie(answer: HTTPResponse) -> str:
    return "; ".join(one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or [])
