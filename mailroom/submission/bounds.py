"""Bounds of a connection: how long it may take, and how much it may say. Crowds know it as who waits."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, AnyStr, cast

from aiosmtpd.smtp import SMTP

from mailroom.engine.accept.aftermath import aftermath
from mailroom.proxies import source
from mailroom.submission.door import Door, is_theirs
from mailroom.submission.incoming import IncomingMessage
from mailroom.submission.limits import LARGEST_SUBMISSION, LONGEST_COMMAND

COMMANDS = {"AUTH": 5, "STARTTLS": 1, "VRFY": 1, "EXPN": 1, "HELP": 10, "*": 100_000}
"""How often a connection may give each."""


class BoundedConnection(SMTP):
    """One connection: a stranger's, until it signs in."""

    command_size_limit = LONGEST_COMMAND

    def __init__(self, handler: Any, door: Door, **options: Any) -> None:
        """`options`: of aiosmtpd's server."""
        self.door = door
        self._limits = door.limits
        self.line_length_limit = self._limits.strangers_line
        self.address = ""
        super().__init__(
            handler,
            data_size_limit=LARGEST_SUBMISSION,
            timeout=self._limits.idle_seconds,
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
            **options,
        )
        # aiosmtpd's is one for all connections, and grows with each EHLO.
        self.command_size_limits = defaultdict(lambda: LONGEST_COMMAND)
        self._came_at = self.loop.time()
        self._crowd = door.strangers
        self._incoming: IncomingMessage | None = None
        self._data_since: float | None = None
        self._received = self._replies = self._errors = self._wrong = 0

    # Its crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        is_new = self.transport is None
        super().connection_made(transport)
        if is_new:
            peer = transport.get_extra_info("peername")
            self.address = source(str(peer[0])) if peer else ""
            self._crowd.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.remove(self)
        super().connection_lost(error)

    def _let_in(self, address: str) -> None:
        """From the crowd of strangers to that of clients, where it counts by this address."""
        if self.transport is None:  # let go while its key was looked up
            return
        self._crowd.remove(self)
        self._crowd, self.address = self.door.clients, address
        self._crowd.add(self)
        self.envelope = self._create_envelope()  # what a stranger began is not the key's
        self.line_length_limit = self._reader._limit = self._limits.piece  # type: ignore[attr-defined]
        self._replies = self._errors = 0
        self._reset_timeout()

    async def _note_wrong_key(self) -> None:
        self._wrong += 1
        self.door.tell("a wrong key", address=self.address)
        # Only a wrong one waits: nobody is locked out by others' guesses from the same address.
        await asyncio.sleep(self.door.guesses.wrong(self.address))

    @property
    def memory(self) -> int:
        return self._incoming.memory if self._incoming else 0

    @property
    def disk(self) -> int:
        return self._incoming.disk if self._incoming else 0

    # A message

    def _begin_message(self, message: IncomingMessage) -> None:
        self._data_since, self._received = self.loop.time(), 0
        self._reset_timeout()
        self._incoming = message

    def _keep(self, message: IncomingMessage, piece: bytes) -> None:
        message.append(piece)
        self._crowd.measure(self)
        if message.size > 2 * LARGEST_SUBMISSION:  # it does not even hear that
            self._end(message.refusal, "a client went on without end")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """While we work it may stay, however long that takes."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        self._data_since = None
        self._crowd.work(self)
        try:
            yield
        finally:
            with aftermath("the clock of its connection"):
                if self.transport is not None:
                    self._came_at = self.loop.time()  # of a stranger, who may bring another one
                    self._crowd.wait(self)
                    self._reset_timeout()

    def _end_message(self, message: IncomingMessage) -> None:
        self._incoming = self._data_since = None
        with aftermath("the end of a message"):  # which may be on disk
            message.close()
            self._crowd.measure(self)
            if self.transport is not None:
                self._reset_timeout()

    # How long it may take

    @property
    def _is_stranger(self) -> bool:
        return self._crowd is self.door.strangers

    @property
    def deadline(self) -> float:
        if self._is_stranger and self._data_since is not None:
            return self._data_since + self._limits.strangers_message_seconds
        if self._is_stranger:  # from the connection on, whatever it says meanwhile, or its last message
            return self._came_at + self._limits.sign_in_seconds
        if self._data_since is None:
            return self.loop.time() + self._limits.idle_seconds
        return self._data_since + self._limits.patience + self._received / self._limits.pace

    def _reset_timeout(self, duration: float | None = None) -> None:
        super()._reset_timeout(max(0.001, self.deadline - self.loop.time()))
        if not self._is_stranger:
            self._crowd.wait(self)

    def _timeout_cb(self) -> None:
        if self._data_since is not None and self.deadline > self.loop.time():
            self._reset_timeout()  # it has sent more since
            return
        self.expire()

    def expire(self) -> None:
        self._end("421 4.4.2 You took too long", "a client took too long")

    def drop(self) -> None:
        self._end("421 4.7.0 There are too many connections", "a client had to go: there are too many")

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)

    # How much it may say

    async def push(self, status: AnyStr) -> None:
        reply = status if isinstance(status, str) else status.decode("ascii", "replace")
        await super().push(reply.encode("ascii", "replace"))
        if reply.startswith("250 2.6.0"):  # a message was accepted
            self._replies = self._errors = 0
        self._replies += 1
        self._errors += reply[:1] in ("4", "5")
        if self._has_said_too_much():
            self._end("421 4.7.0 That is enough", "a client went on without end")

    def _has_said_too_much(self) -> bool:
        limits = self._limits
        if self._wrong >= limits.guesses:
            return True
        if self._is_stranger:
            return self._replies > limits.strangers_replies or self._errors > limits.strangers_errors
        return self._replies > limits.replies or self._errors > limits.errors

    # Its end

    def _end(self, reply: str, event: str) -> None:
        """At once: what it does not read, and what it has yet to send, is nobody's any more."""
        transport = cast(asyncio.Transport | None, self.transport)
        self._crowd.remove(self)
        if transport is None:
            return
        self.door.tell(event, address=self.address)
        transport.write(f"{reply}\r\n".encode())
        for one in (transport, self._original_transport):
            if isinstance(one, asyncio.Transport):
                one.abort()

    async def handle_exception(self, error: Exception) -> str:
        if is_theirs(error):
            self.door.tell("a connection broke", address=self.address, error=type(error).__name__)
            return "421 4.4.2 The connection broke"
        return await super().handle_exception(error)
