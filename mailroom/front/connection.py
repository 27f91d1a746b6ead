"""One client: its requests are read whole, one after the other, and each answer at the client's pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from queue import SimpleQueue
from typing import Any, Protocol

from gunicorn.http.body import ChunkedReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.util import write_error

from mailroom.front.answering import CollectedAnswer, ServedApplication, answer, find_largest
from mailroom.front.collecting import CollectedBody, CollectedHead, RequestRefused
from mailroom.front.crowd import Crowd
from mailroom.front.framing import Chunked, Sized
from mailroom.front.limits import FrontLimits
from mailroom.front.storage import Storage
from mailroom.proxies import source

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


Tasks = SimpleQueue[Callable[[], None] | None]
"""What waits for a thread; None ends one."""


class Phase(Enum):
    IDLE = "idle"  # nothing of a next request has come
    HEAD = "head"
    ASKED = "asked"  # a thread finds out who it is that sends so much
    BODY = "body"
    WORK = "work"  # the application has the request
    DRAIN = "drain"  # it has answered, and the client has yet to read
    LEAVE = "leave"  # we said all that we shall; the client may hear it to the end


class FrontProcess(ServedApplication, Protocol):
    """gunicorn's worker, as far as its connections know it."""

    loop: asyncio.AbstractEventLoop
    crowd: Crowd
    tasks: Tasks
    find_client: Callable[[str, str], str]
    alive: bool

    @property
    def limits(self) -> FrontLimits: ...

    def tasks_of(self, path: str) -> Tasks: ...


class ClientConnection(asyncio.Protocol):
    """asyncio calls it; so do threads, by the loop's call_soon_threadsafe, with send() and end_answer()."""

    def __init__(self, front: FrontProcess, peer: Any, server: Any) -> None:
        self.front, self.peer, self.server, self.loop = front, peer, server, front.loop
        self._peer_address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.address = self._peer_source = source(self._peer_address)
        self.state = Phase.HEAD  # of a client that connects, a request is expected at once
        self.memory = self.disk = 0
        self._limits = front.limits
        self._transport: Any = None
        self._came = bytearray()
        self._head = CollectedHead(front.limits.head)
        self._number = 0
        self._request: Any = None
        self._body = CollectedBody(Sized(0), front.limits.small)
        self._out = Storage()
        self._is_full = self._is_half_closed = False
        self._keeps = False
        self._sent = 0
        self._since = time.monotonic()

    # What asyncio says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=0)  # it is full as long as it holds anything
        self.front.crowd.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.front.crowd.remove(self)
        self._transport = None
        self._out.close()
        if self.state is not Phase.WORK:  # else the thread closes it
            self._body.storage.close()

    def eof_received(self) -> bool:
        """A client that has only closed its own side may still get its answer."""
        self._is_half_closed = True
        return self.state in (Phase.WORK, Phase.DRAIN) or (self.state is Phase.IDLE and bool(self._came))

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._came += data
        if self.state in (Phase.IDLE, Phase.HEAD, Phase.BODY):
            self._read()
        elif self.state is Phase.LEAVE:
            self._came.clear()
        elif len(self._came) > self._limits.head:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        while self._out.left and not self._is_full:
            self._write(self._out.next_block())
        self._measure()
        self._end_if_drained()

    # The request

    def _read(self) -> None:
        try:
            if self.state is Phase.IDLE:
                self._begin(Phase.HEAD)
            if self.state is Phase.HEAD:
                self._read_head()
            if self.state is Phase.BODY:
                self._read_body()
        except RequestRefused as refused:
            self._refuse(*refused.args)
        except OSError as error:
            self.front.log.error("a body cannot be stored: %s", error)
            self._refuse(503, "Service Unavailable")
        else:
            self._measure()

    def _read_head(self) -> None:
        head = self._head.take(self._came)
        if head is None:
            return
        self._number += 1
        try:
            self._request = Request(self.front.settled, IterUnreader([head]), self.peer, self._number)
        except Exception as error:
            self._refuse_as_gunicorn(error)
            return
        self._find_client()
        self._expect_body()

    def _find_client(self) -> None:
        """Of a proxy's connections, each counts for the client that it last asked for: else all of its
        clients together would be one, with more connections than anybody."""
        forwarded = [value for name, value in self._request.headers if name == "X-FORWARDED-FOR"]
        address = self._peer_source  # of itself, if it is no proxy
        if forwarded:
            address = source(self.front.find_client(self._peer_address, ",".join(forwarded)))
        if address != self.address:
            self.front.crowd.work(self)  # it waits again at once, under the new address
            self.address = address

    def _expect_body(self) -> None:
        reader = self._request.body.reader
        framing = Chunked() if isinstance(reader, ChunkedReader) else Sized(reader.length)
        self._body = CollectedBody(framing, self._limits.small)
        self._begin(Phase.BODY)

    def _read_body(self) -> None:
        body = self._body
        body.take(self._came)
        if body.is_too_large:
            if not body.is_asked:
                self._ask()
                return
            self._skip()
        if body.is_whole or (body.is_skipped and body.length > self._limits.skipped):
            self._hand_over()
        elif self._request._expected_100_continue:
            self._request._expected_100_continue = False
            self._transport.write(CONTINUE)

    def _ask(self) -> None:
        """Only now: for most requests it would be a question too much."""
        self._body.is_asked = True
        self._begin(Phase.ASKED)
        self._transport.pause_reading()
        self.front.tasks.put(self._find_largest)

    def _find_largest(self) -> None:
        """In a thread."""
        largest = self._limits.small
        try:
            largest = find_largest(self.front, self.peer, self.server, self._request)
        finally:
            self.loop.call_soon_threadsafe(self._go_on, largest)

    def _go_on(self, largest: int) -> None:
        if self._transport is None:
            return
        self._body.largest = largest
        self._begin(Phase.BODY)
        self._transport.resume_reading()
        self._read()

    def _skip(self) -> None:
        self._body.skip()
        if self._request._expected_100_continue:  # it need not even be sent
            self._body.length = self._limits.skipped + 1

    def _hand_over(self) -> None:
        request, body = self._request, self._body
        request._expected_100_continue = False
        if not body.is_whole:
            request.force_close()
        storage, length = body.storage, body.length if body.is_skipped else None
        self._begin(Phase.WORK)
        self._out = Storage()
        self.front.tasks_of(request.path).put(lambda: answer(self.front, self, request, storage, length))

    # The answer

    def send(self, data: bytes) -> bool:
        """Whether the client is still there."""
        if self._transport is None:
            return False
        if not self._out.left and not self._is_full:
            self._write(data)
            return True
        try:
            self._out.append(data)
        except OSError as error:
            self.front.log.error("an answer cannot be stored: %s", error)
            self.drop()
            return False
        self._measure()
        if self.front.crowd.is_too_large:
            self.drop()
        return not self._transport.is_closing()

    def end_answer(self, data: bytes, keeps: bool) -> None:
        if self._transport is None:
            return
        self._keeps = keeps and self.front.alive
        if not data or self.send(data):
            self._begin(Phase.DRAIN)
            self._end_if_drained()

    def _write(self, data: bytes) -> None:
        self._sent += len(data)
        self._transport.write(data)

    def _end_if_drained(self) -> None:
        if self._transport is None or self.state is not Phase.DRAIN or self._out.left or self._is_full:
            return
        if not self._keeps or (self._is_half_closed and not self._came):
            self._leave()
            return
        self._begin(Phase.IDLE)
        self._transport.resume_reading()
        if self._came:
            self.loop.call_soon(self.data_received, b"")  # pipelined; others have their turn first

    # Its time

    def _begin(self, state: Phase) -> None:
        self.state, self._since, self._sent = state, time.monotonic(), 0
        if state in (Phase.WORK, Phase.ASKED):
            self.front.crowd.work(self)
        else:
            self.front.crowd.wait(self)

    def _measure(self) -> None:
        out, body = self._out, self._body.storage
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        # Not the body that a thread has: nothing would be gained by letting others go for it.
        waiting = 0 if self.state is Phase.WORK else body.memory
        self.memory = len(self._came) + waiting + out.memory + unsent
        self.disk = body.disk + out.disk
        self.front.crowd.measure(self)

    @property
    def deadline(self) -> float:
        """When our patience is over."""
        limits = self._limits
        if not self.front.alive and not self._came and self.state in (Phase.IDLE, Phase.HEAD):
            return self._since + limits.linger
        return self._since + {
            Phase.IDLE: float(self.front.cfg.keepalive),
            Phase.HEAD: limits.head_seconds,
            Phase.BODY: limits.patience + self._body.length / limits.pace,
            Phase.DRAIN: limits.patience + self._sent / limits.pace,
            Phase.LEAVE: limits.linger,
        }.get(self.state, float("inf"))

    def expire(self) -> None:
        if self.state is Phase.BODY or (self.state is Phase.HEAD and self._came):
            self._refuse(408, "Request Timeout")
        else:
            self.drop()

    def drop(self) -> None:
        self.front.crowd.remove(self)
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, status: int, reason: str) -> None:
        sink = CollectedAnswer(self)
        write_error(sink, status, reason, "")
        self._write(sink.take())
        self._leave()

    def _refuse_as_gunicorn(self, error: Exception) -> None:
        sink = CollectedAnswer(self)
        self.front.handle_error(None, sink, self.peer, error)
        self._write(sink.take())
        self._leave()

    def _leave(self) -> None:
        """Close, but not on a client that still sends: it would lose what we have said."""
        self._came.clear()
        self._body.storage.close()
        self._begin(Phase.LEAVE)
        self._measure()
        if self._transport is None:
            return
        if self._is_half_closed or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
            self._transport.resume_reading()
        except OSError:  # the client hung up while it was answered
            self._transport.abort()
