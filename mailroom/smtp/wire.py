"""The bytes of an SMTP connection: writes, replies, deadlines. Knows no commands."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, cast

from mailroom.smtp.reply import Reply, words

LONGEST_REPLY = 32 * 1024
MOST_REPLIES = 16  # that may wait unread: a group of commands has at most five


CODES = {b"%d " % code: code for code in range(200, 600)}
"""How a reply of one line begins, or the last line of a longer one."""


Why = Literal["lost", "silent", "garbled"]


class Broken(Exception):
    """The connection is of no more use."""

    def __init__(self, message: str, why: Why) -> None:
        super().__init__(message)
        self.message = message
        self.why = why

    def again(self) -> Broken:
        """To be raised. If the one that is kept were, it would keep all that it went through."""
        return Broken(self.message, self.why)


class Wire(asyncio.Protocol):
    """A connection that may outlive one run of its event loop.

    An asyncio.Protocol of our own, because StreamReader and wait_for cost more than
    the rest of the dialogue together.
    """

    def __init__(self, timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._transport: asyncio.Transport | None = None
        self._partial = b""  # of a line
        self._lines: list[bytes] = []  # of a reply
        self._size = 0  # of that reply
        self._replies: deque[tuple[int, bytes]] = deque()
        self.broken: Broken | None = None  # why, once it is
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self._heard: Callable[[], bool] | None = None

    # What the session calls

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @transport.setter
    def transport(self, transport: asyncio.Transport) -> None:
        # So low that drained() returns only when next to nothing waits above the socket.
        transport.set_write_buffer_limits(high=1)
        self._transport = transport

    @property
    def own_address(self) -> str:
        """Ours, as the other side sees it if nothing between translates it."""
        name = self.transport.get_extra_info("sockname")
        return str(name[0]) if name else "127.0.0.1"

    @property
    def has_unread(self) -> bool:
        """Whether the server has said more than it was asked."""
        return bool(self._replies or self._lines or self._partial)

    def write(self, data: bytes | memoryview) -> None:
        if self.broken is None:
            self.transport.write(data)

    async def reply(self, timeout: float) -> Reply:
        """The next reply; raises Broken when none comes in `timeout` seconds."""
        while not self._replies:
            await self._event(timeout)
        code, raw = self._replies.popleft()
        return Reply(code, words(raw))

    def took(self, codes: Sequence[int]) -> bool:
        """Whether the next replies have all come already and bear these codes. Then they are read."""
        replies = self._replies
        if len(replies) < len(codes):
            return False
        for place, code in enumerate(codes):
            if replies[place][0] != code:
                return False
        for _ in codes:
            replies.popleft()
        return True

    def took_before(self, codes: Sequence[int]) -> Reply | None:
        """The next reply if it is positive, and as many more have come already that bear these codes. Then
        all of them are read.
        """
        replies = self._replies
        if len(replies) <= len(codes):
            return None
        first, raw = replies[0]
        if not 200 <= first < 300:
            return None
        for place, code in enumerate(codes, 1):
            if replies[place][0] != code:
                return None
        replies.popleft()
        for _ in codes:
            replies.popleft()
        return Reply(first, words(raw))

    def attend(
        self, end: asyncio.Future[None] | None, heard: Callable[[], bool] | None, timeout: float
    ) -> None:
        """From now on `heard` is called with whatever is read, and `end` is done when that is False, nothing
        comes in `timeout` seconds, or the connection is lost. Without them: nothing is awaited.
        """
        self._heard = heard
        if end is None:
            self._waiter = None
        else:
            self._await(end, timeout)

    async def drained(self, timeout: float) -> None:
        """Until all that was written is with the kernel, or the server has replied already. Raises Broken.

        Others have their turn meanwhile and whoever hung up is heard, also where the kernel takes all of it.
        """
        await asyncio.sleep(0)
        while self._draining and not self._replies:
            await self._event(timeout)
        if self.broken is not None and not self._replies:
            raise self.broken.again()

    def abort(self, reason: str = "the connection was closed") -> None:
        """Close at once; what the server may still have said counts no more."""
        self._break(Broken(reason, "lost"))
        self._replies.clear()

    async def _event(self, timeout: float) -> None:
        if self.broken is not None:
            raise self.broken.again()
        waiter = self._loop.create_future()
        self._await(waiter, timeout)
        try:
            await waiter
        finally:
            self._waiter = None

    def _await(self, waiter: asyncio.Future[None], timeout: float) -> None:
        self._waiter = waiter
        self._deadline = self._loop.time() + timeout
        # The timer is never set later than the shortest timeout from now, so a deadline is
        # only ever a number to compare with: no timer is made or canceled per reply.
        if self._timer is None:
            self._timer = self._loop.call_later(min(timeout, self._timeout), self._tick)
        elif timeout < self._timeout:
            self._timer.cancel()
            self._timer = self._loop.call_later(timeout, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        left = self._deadline - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(min(left, self._timeout), self._tick)
        else:
            self._break(Broken("the server did not answer in time", "silent"))

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._heard is not None and self.broken is None:
            try:
                if not self._replies or self._heard():
                    return
            except BaseException as error:
                return waiter.set_exception(error)
        waiter.set_result(None)

    def _break(self, broken: Broken) -> None:
        if self.broken is None:
            self.broken = broken
            if self._transport is not None:
                self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own kind is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(Broken(f"the connection was lost ({exc})" if exc else "the server hung up", "lost"))

    def pause_writing(self) -> None:
        self._draining = True

    def resume_writing(self) -> None:
        self._draining = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        if self.broken is not None:
            return
        if self._plain(data):
            return self._wake()
        if self._partial:
            data = self._partial + data
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            if not self._line(data[start:end]):
                return self._garbled(data[start:end])
            start = end + 1
        self._partial = data[start:]
        if len(self._partial) + self._size > LONGEST_REPLY or len(self._replies) > MOST_REPLIES:
            return self._garbled(self._partial or b"more replies than it was asked for")
        if self._replies:
            self._wake()

    def _plain(self, data: bytes) -> bool:
        """Takes nothing but whole replies of one line each, which is what nearly always comes."""
        if self._partial or self._lines or not data.endswith(b"\r\n"):
            return False
        lines = data.split(b"\r\n")
        lines.pop()
        if len(lines) + len(self._replies) > MOST_REPLIES or data.count(b"\n") != len(lines):
            return False
        replies = []
        for line in lines:
            code = CODES.get(line[:4])
            if code is None:
                return False
            replies.append((code, line[4:]))
        self._replies.extend(replies)
        return True

    def _line(self, line: bytes) -> bool:
        """Takes one line of a reply; False when it is no such thing."""
        digits, separator = line[:3], line[3:4]
        if len(digits) != 3 or not digits.isdigit() or not b"200" <= digits < b"600":
            return False
        if separator not in b" -\r":
            return False
        if self._lines or separator == b"-":
            if self._lines and self._lines[0][:3] != digits:
                return False
            self._lines.append(line)
            self._size += len(line)
            if self._size > LONGEST_REPLY:
                return False
            if separator == b"-":
                return True
            text = b"\n".join(part[4:].rstrip(b"\r") for part in self._lines)
            self._lines, self._size = [], 0
        else:
            text = line[4:-1] if line.endswith(b"\r") else line[4:]
        self._replies.append((int(digits), text))
        return True

    def _garbled(self, line: bytes) -> None:
        said = words(line[:200]) or "an empty line"
        self._break(Broken(f"the server answered something that is not SMTP: {said}", "garbled"))
