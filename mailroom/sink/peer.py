"""The sink's end of one connection: bytes in, replies out, pauses and hang-ups as the rules say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from mailroom.sink.options import Options
from mailroom.sink.record import Record
from mailroom.sink.rules import Rule, RuleContext, Rules

Step = Callable[[], None]

LINGER = 0.5
"""Seconds between the last words and the close: a reset would tear them from the client's hands."""


class SharedBySessions(Protocol):
    """The listening sink, as far as its sessions know it."""

    options: Options
    rules: Rules
    record: Record
    connections: set[Peer]

    def opened(self, connection: Peer) -> int: ...

    def closed(self, connection: Peer) -> None: ...

    def announced(self) -> int: ...

    def start_tls(
        self,
        transport: asyncio.Transport | None,
        connection: Peer,
        done: Callable[[asyncio.Transport | None], None],
    ) -> None: ...


class Peer(asyncio.Protocol):
    """Callbacks only, no task per client: thousands of messages a second on one core."""

    def __init__(self, sink: SharedBySessions) -> None:
        self._sink = sink
        self._options = sink.options
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._paused = False
        self._gone = False  # hung up, by either side
        self._receiving = False  # between 354 and the dot
        self._context = RuleContext()
        self._peer = ""

    def command(self, line: str) -> None:
        raise NotImplementedError

    def content(self, raw: bytes) -> None:
        raise NotImplementedError

    def begin_content(self) -> None:
        self._receiving = True
        self.stage("after-354", b"")

    # Events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's own kind is no subclass
        name = transport.get_extra_info("peername") or ("?", 0)
        self._peer = f"{name[0]}:{name[1]}"
        self._context.connection = self._sink.opened(self)
        limit = self._options.max_connections
        if limit and sum(not peer._gone for peer in self._sink.connections) > limit:
            self.leave(b"421 4.3.2 Too many connections\r\n")
        else:
            self.stage("connect", b"220 sink ESMTP Mailroom\r\n")
            self._process()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._sink.closed(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._paused:
            self._process()

    def close(self) -> None:
        self._gone = True
        if self._transport is not None:
            self._transport.abort()

    def _process(self) -> None:
        buffer = self._buffer
        lies = self._options.pipelining
        while not self._paused and not self._gone:
            if self._receiving:
                if not self._take_content():
                    break
                continue
            end = buffer.find(b"\n")
            if end < 0:
                break
            line = buffer[:end].decode("latin-1").rstrip("\r")
            del buffer[: end + 1]
            if buffer and lies == "hangs-up":
                return self.close()
            if lies == "flushes":
                buffer.clear()
            self.command(line)
        if lies == "scrambles" and len(self._out) > 1:
            self._out.reverse()
        self._flush()

    def _take_content(self) -> bool:
        buffer = self._buffer
        if buffer.startswith(b".\r\n"):
            raw, end = b"", 3
        else:
            at = buffer.find(b"\r\n.\r\n")
            if at < 0:
                return False
            raw, end = bytes(buffer[: at + 2]), at + 5
        del buffer[:end]
        self._receiving = False
        if self._options.pipelining == "forgets":
            buffer.clear()
        if raw.startswith(b"."):
            raw = raw[1:]
        self.content(raw.replace(b"\r\n.", b"\r\n"))
        return True

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # Stages

    def stage(self, stage: str, reply: bytes, accepted: Step | None = None) -> None:
        """Answer `reply` and go on to `accepted`, unless a rule says otherwise."""
        delay, rule = self._sink.rules.decide(stage, self._context)
        if delay:
            self._pause(delay, lambda: self._settle(rule, reply, accepted))
        else:
            self._settle(rule, reply, accepted)

    def _settle(self, rule: Rule | None, reply: bytes, accepted: Step | None) -> None:
        if rule is None:
            self._out.append(reply)
        elif rule.action in ("reply", "greylist"):
            self._out.append(f"{rule.code} {rule.text}\r\n".encode())
            if rule.code == 421:
                return self.leave(b"")
            if rule.code >= 400:
                return
            if rule.code == 354:
                accepted = self.begin_content
        elif rule.action == "garbage":
            self._out.append(rule.text.encode("latin-1", "replace"))
        elif rule.action == "drop":
            return self.leave(b"")
        else:  # stall
            self._flush()
            self._paused = True
            if rule.stage == "after-354" and self._transport is not None:
                self._transport.pause_reading()  # so that a large message fills the pipe and sticks
            return
        if accepted is not None:
            accepted()

    def _pause(self, seconds: float, step: Step) -> None:
        self._flush()
        self._paused = True

        def resume() -> None:
            self._paused = False
            if not self._gone:
                step()
                self._process()

        asyncio.get_running_loop().call_later(seconds, resume)

    def leave(self, words: bytes) -> None:
        """Say `words`, then hang up so gently that all that was said arrives."""
        self._out.append(words)
        self._flush()
        self._gone = True
        transport = self._transport
        if transport is None:
            return
        if transport.can_write_eof():
            transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER, transport.close)
        else:
            transport.close()
