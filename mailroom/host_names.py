"""DNS look-ups beside an event loop: bounded in time and in threads, and kept while the resolver is away.

Not asyncio's own: its few threads serve a whole process, wait for a silent resolver for as long as that
likes, and a process that ends waits for them.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import Future
from ipaddress import ip_address
from typing import Any

import structlog

log = structlog.get_logger()

FRESH_FOR = 60.0
"""Seconds for which an answer is believed: the system's resolver does not tell its time to live."""

LOOK_UP_PATIENCE = 15.0
"""Seconds for a look-up where there is no answer yet: a resolver has two tries of five seconds by default."""

REFRESH_PATIENCE = 1.0
"""The same where there is one, which is used when no newer one comes."""

ASKED_AGAIN_AFTER = 10.0
"""Seconds for which a resolver that is away is not waited for, where there is an answer."""

NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
"""An answer too: there is no such host any more. All other errors say that nobody answered."""

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""As socket.getaddrinfo() gives it."""


class ResolverAway(OSError):
    """The name server does not answer, and never has."""


class HostName:
    """The addresses of one host. In one thread at most, whoever asks and however long the resolver takes."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._known: list[AddressInfo] | None = None
        self._good: list[AddressInfo] | None = None  # somebody answered there
        self._fresh_until = self._asked_again_at = 0.0  # by the monotonic clock
        self._asking: Future[list[AddressInfo]] | None = None
        self._lock = threading.Lock()

    async def addresses(self, patience: float = LOOK_UP_PATIENCE) -> list[AddressInfo]:
        """Never empty. Raises socket.gaierror, UnicodeError, and ResolverAway after `patience` seconds."""
        if _is_address(self.host):
            return socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        known, now = self._known, time.monotonic()
        if known is not None and now < max(self._fresh_until, self._asked_again_at):
            return known
        try:
            async with asyncio.timeout(patience if known is None else min(patience, REFRESH_PATIENCE)):
                return await asyncio.wrap_future(self._ask())
        except TimeoutError:
            why = f"the name server did not answer within {patience:g} seconds"
        except RuntimeError as error:  # there can be no further thread
            why = str(error)
        except OSError as error:
            if known is None or error.errno in NO_SUCH_NAME:
                raise
            why = error.strerror or str(error)
        if known is None:
            raise ResolverAway(f"its name could not be looked up ({why})")
        self._asked_again_at = time.monotonic() + ASKED_AGAIN_AFTER
        log.warning("a name cannot be looked up; its last addresses are used", host=self.host, reason=why)
        return known

    def trust(self) -> None:
        """Somebody answered at these addresses."""
        self._good = self._known

    def distrust(self) -> None:
        """Nobody answers there: the name is looked up again before the next try."""
        self._known = self._good
        self._fresh_until = self._asked_again_at = 0.0

    def _ask(self) -> Future[list[AddressInfo]]:
        with self._lock:
            if self._asking is None:
                asking: Future[list[AddressInfo]] = Future()
                asking.set_running_or_notify_cancel()  # who stops waiting stops nobody else
                threading.Thread(target=self._look_up, args=(asking,), name="look-up", daemon=True).start()
                self._asking = asking
            return self._asking

    def _look_up(self, asking: Future[list[AddressInfo]]) -> None:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except BaseException as error:
            if isinstance(error, socket.gaierror) and error.errno in NO_SUCH_NAME:
                self._known = self._good = None
            self._is_over()
            asking.set_exception(error)
        else:
            self._known, self._fresh_until = found, time.monotonic() + FRESH_FOR
            self._is_over()
            asking.set_result(found)

    def _is_over(self) -> None:
        with self._lock:
            self._asking = None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
