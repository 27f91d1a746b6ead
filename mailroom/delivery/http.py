"""A small HTTP client for URLs that people typed: guarded, bounded in time and size, no redirects.

The standard library's parser does the reading; what is ours is where it connects to and
how long it waits: one deadline for the whole exchange, so that a server that sends an
octet a second holds nobody.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from mailroom.delivery.guard import Forbidden, Guard, Target

PATIENCE = 15.0
"""Seconds for one exchange, connecting included."""

LARGEST = 64 * 1024
"""Octets of an answer that are read; of a larger one nobody wants the rest."""


class NoAnswer(Exception):
    """The other side could not be reached, or did not answer in time; `str()` says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    retry_after: float | None  # seconds
    content_type: str = ""


class Client:
    """Calls one URL, over one connection for as long as the server keeps it. Not for two threads."""

    def __init__(self, url: str, guard: Guard, patience: float = PATIENCE) -> None:
        self._target: Target = guard.target(url)
        self._guard = guard
        self._patience = patience
        self._connection: _Connection | None = None

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Raises NoAnswer, or Forbidden when the name leads somewhere else by now."""
        deadline = time.monotonic() + self._patience
        if self._connection is not None:
            with suppress(OSError, HTTPException):
                return self._post(self._connection, deadline, body, headers)
            # The server had closed it meanwhile. Whoever is called knows a repeated id.
            self.close()
        try:
            self._connection = self._connected(deadline)
            return self._post(self._connection, deadline, body, headers)
        except (OSError, HTTPException) as error:
            self.close()
            raise NoAnswer(_words(error, self._patience)) from error

    def get(self, headers: dict[str, str], largest: int) -> Answer:
        """All of it. Raises NoAnswer, for more than `largest` octets too; or Forbidden, as post() does."""
        deadline = time.monotonic() + self._patience
        self.close()
        try:
            self._connection = self._connected(deadline)
            self._connection.timed.deadline = deadline
            self._connection.request("GET", self._target.path, headers=headers)
            return _whole(self._connection.getresponse(), largest)
        except (OSError, HTTPException) as error:
            raise NoAnswer(_words(error, self._patience)) from error
        finally:
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection.timed.hang_up()
        self._connection = None

    def _connected(self, deadline: float) -> _Connection:
        trouble: OSError | None = None
        for address in self._guard.addresses(self._target)[:2]:
            try:
                return _Connection(self._target, _open(self._target, address, deadline))
            except OSError as error:
                trouble = error
        assert trouble is not None
        raise trouble

    def _post(self, connection: _Connection, deadline: float, body: bytes, headers: dict[str, str]) -> Answer:
        connection.timed.deadline = deadline
        connection.request("POST", self._target.path, body, headers)
        response = connection.getresponse()
        read = response.read(LARGEST + 1)
        answer = _answer(response, read[:LARGEST])
        if len(read) > LARGEST or response.will_close:
            self.close()
        return answer


def _answer(response: HTTPResponse, body: bytes) -> Answer:
    after = _seconds(response.getheader("Retry-After"))
    return Answer(response.status, body, after, response.getheader("Content-Type", ""))


def _whole(response: HTTPResponse, largest: int) -> Answer:
    # Nothing else was asked for, and what is packed is not the file that somebody meant.
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise NoAnswer("its answer is compressed")
    body = b"" if (response.length or 0) > largest else response.read(largest + 1)
    if len(body) > largest or (response.length or 0) > largest:
        raise NoAnswer(f"its answer is larger than {largest:,} octets")
    if response.length:  # http.client says nothing when a read of so many octets ends early
        raise IncompleteRead(body, response.length)
    return _answer(response, body)


def _open(target: Target, address: str, deadline: float) -> socket.socket:
    """A connection to the very address that was judged; TLS still checks the host's name."""
    connected = socket.create_connection((address, target.port), timeout=_left(deadline))
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not target.is_https:
        return connected
    try:
        connected.settimeout(_left(deadline))
        return ssl.create_default_context().wrap_socket(connected, server_hostname=target.host)
    except BaseException:
        connected.close()
        raise


class _Connection(HTTPConnection):
    """An HTTPConnection that was connected by somebody else, and never connects itself."""

    auto_open = 0

    def __init__(self, target: Target, connected: socket.socket) -> None:
        self.default_port = 443 if target.is_https else 80  # for the Host header
        host = f"[{target.host}]" if ":" in target.host else target.host
        super().__init__(host, target.port)
        self.timed = _Timed(connected)
        self.sock: Any = self.timed


class _Timed:
    """A socket whose every wait ends at `deadline`; as much of one as http.client uses."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.deadline = 0.0

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(_left(self.deadline))
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def receive(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self.deadline))
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        """Nothing: http.client closes a connection that the server will close before it reads the body."""

    def hang_up(self) -> None:
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.receive(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() and len(text) < 7 else None


def _words(error: Exception, patience: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {patience:.0f} s"
    if isinstance(error, IncompleteRead):
        return "its answer broke off"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "its name could not be resolved"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


__all__ = ["Answer", "Client", "Forbidden", "Guard", "NoAnswer"]
