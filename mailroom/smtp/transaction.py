"""MAIL, RCPT, DATA and the final dot: one message's dialogue, and what its replies mean."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Iterator

from mailroom.smtp.envelope import Envelope, LongContent, stuffed
from mailroom.smtp.failure import Failure, Stage, refused
from mailroom.smtp.greeting import Extensions
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.wire import Broken, Wire

LARGE = 64 * 1024
"""From this size on the dot is kept back until the content has left us, so that a
connection lost on the way is known to be lost before the dot."""

AT_ONCE = 256 * 1024
"""Octets that are written before the server has taken what was: of a session no more than these wait."""

FINAL_DOT_TIMEOUTS = 10
"""The final dot gets so many times the timeout (RFC 5321, 4.5.3.2: ten minutes)."""

GO_AHEAD = (250, 250, 354)
"""What a server says to MAIL, RCPT and DATA when all is well."""

ENVELOPE_STAGES: tuple[Stage, ...] = ("mail", "rcpt", "data")
WANTS_LOGIN = (503, 530, 534, 535, 538)
"""What a server says to MAIL when it wants a login, or TLS, before any message."""
OUT_OF_STEP = re.compile(r"synchroni[sz]|pipelin", re.IGNORECASE)


class Dialogue:
    """Keeps commands and replies in step on one wire."""

    def __init__(self, server: Server, wire: Wire, extensions: Extensions) -> None:
        self.pipelining = extensions.pipelining and server.learned.can_pipeline
        self._server = server
        self._wire = wire
        self._timeout = server.timeout
        self._size = extensions.size
        self.stage: Stage = "mail"  # whose reply is or was awaited last
        self._must_reset = False  # the last transaction was begun and not ended
        self._reset = False  # RSET is part of what was announced
        self._overlapped = False  # what was announced left together with a content
        self._proven: set[bool] = set()  # the ways (overlapped or not) that worked here

    def announcement(self, envelope: Envelope, *, overlapped: bool = False) -> bytes:
        """The commands before the content, if they may leave in one write; else nothing."""
        self._check_step()
        if not self.pipelining:
            return b""
        self._overlapped = overlapped
        self._reset, self._must_reset = self._must_reset, False
        rset = b"RSET\r\n" if self._reset else b""
        return b"%s%s%sDATA\r\n" % (rset, self._mail(envelope), self._rcpt(envelope))

    def is_ahead(self) -> bool:
        """Whether the server wants the content already, said together with its last reply."""
        if not self.pipelining or self._reset or not self._wire.took(GO_AHEAD):
            return False
        self._proven.add(self._overlapped)
        return True

    def took_and_goes_on(self) -> Reply | None:
        """What the server said to a content, if it took it and wants the next one already, said together."""
        if self._reset or (reply := self._wire.took_before(GO_AHEAD)) is None:
            return None
        self._proven.add(self._overlapped)
        return reply

    def attend(self, end: asyncio.Future[None] | None, heard: Callable[[], bool] | None = None) -> None:
        """Until the next call `heard` is called with whatever the server says to a content. `end` is done
        when that is False, or the connection is lost, or the server too late.
        """
        self._wire.attend(end, heard, FINAL_DOT_TIMEOUTS * self._timeout)

    async def go_ahead(self, envelope: Envelope) -> None:
        """Until the server wants the content (354); raises Failure."""
        if self.pipelining:
            await self._read_group()
        else:
            await self._ask_one_by_one(envelope)

    async def hand_over(self, envelope: Envelope, following: bytes) -> Reply | Failure:
        """The content, the dot, the commands that follow; then what became of the content."""
        if not self.hands_over_at_once(envelope, following):
            self.stage, wire, whole = "dot", self._wire, envelope.content
            if wire.broken is not None:
                return _lost("data", wire.broken.message)
            failure = await self._send_ahead(
                [stuffed(whole)] if isinstance(whole, bytes) else whole.stuffed()
            )
            if isinstance(whole, LongContent):
                whole.let_go()
            if failure is not None:
                return failure
            wire.write(b".\r\n%s" % following)
        return await self.verdict(is_followed=bool(following))

    def hands_over_at_once(self, envelope: Envelope, following: bytes) -> bool:
        """The content, the dot and the commands that follow leave in one write. False: the content is too
        large for that, or the connection is lost.
        """
        self._check_step()
        content, wire = envelope.content, self._wire
        if wire.broken is not None or not isinstance(content, bytes) or len(content) >= LARGE:
            return False
        self.stage = "dot"
        wire.write(b"%s.\r\n%s" % (stuffed(content), following))
        return True

    async def verdict(self, *, is_followed: bool) -> Reply | Failure:
        """What became of the content that has left. `is_followed`: other commands left with it."""
        wire = self._wire
        try:
            reply = await wire.reply(FINAL_DOT_TIMEOUTS * self._timeout)
        except Broken as broken:
            if is_followed and True not in self._proven:
                self._server.learned.suspect_pipelining()
            return _in_doubt(broken.message)
        if reply.is_positive:
            return reply
        if reply.code < 400 or reply.code == 421:
            wire.abort(f"the server said {reply}")
        if reply.code < 400:
            return _in_doubt(f"the server answered {reply}")
        if is_followed and OUT_OF_STEP.search(reply.text):
            self._server.learned.distrust_pipelining()
            return Failure(f"the server put off the message: {reply}", stage="dot", reply=reply)
        return refused("dot", reply)

    def _mail(self, envelope: Envelope) -> bytes:
        sender = envelope.mail_from.encode("ascii")
        if self._size:
            return b"MAIL FROM:<%s> SIZE=%d\r\n" % (sender, len(envelope.content))
        return b"MAIL FROM:<%s>\r\n" % sender

    def _rcpt(self, envelope: Envelope) -> bytes:
        return b"RCPT TO:<%s>\r\n" % envelope.recipient.encode("ascii")

    async def _read_group(self) -> None:
        """Every reply of the group is read, refused or not: they belong to these commands."""
        if self._reset and not (reply := await self._answer("mail")).is_positive:
            raise self._out_of_step("mail", reply)
        refusal: Failure | None = None
        for stage in ENVELOPE_STAGES:
            try:
                reply = await self._answer(stage)
            except Failure as failure:
                raise refusal or failure from None
            accepted = reply.code == 354 if stage == "data" else reply.is_positive
            if accepted or refusal:
                continue
            if reply.code < 400 or (stage != "mail" and reply.code in (500, 502, 503)):
                raise self._out_of_step(stage, reply)
            if OUT_OF_STEP.search(reply.text):
                raise self._out_of_step(stage, reply)
            refusal = self._refusal(stage, reply)
        if refusal is None:
            self._proven.add(self._overlapped)
            return
        if reply.code < 400:
            # It wants a content although it refused all recipients. RFC 2920 lets us send
            # a lone dot, which it must then refuse; but a server that comes this far may
            # as well queue an empty message. Hanging up is always right, and the plain
            # dialogue, which never says DATA after a refusal, is used from now on.
            self._server.learned.distrust_pipelining()
            self._wire.abort("the server wanted a message for a refused recipient")
        self._must_reset = True
        raise refusal

    async def _ask_one_by_one(self, envelope: Envelope) -> None:
        if self._must_reset:
            self._wire.write(b"RSET\r\n")
            if not (reply := await self._answer("mail")).is_positive:
                raise self._out_of_step("mail", reply)
        self._must_reset = False
        commands = self._mail(envelope), self._rcpt(envelope), b"DATA\r\n"
        for stage, command in zip(ENVELOPE_STAGES, commands, strict=True):
            self._wire.write(command)
            reply = await self._answer(stage)
            if reply.code == 354 if stage == "data" else reply.is_positive:
                continue
            if reply.code < 400:
                raise self._out_of_step(stage, reply)
            self._must_reset = stage != "mail"
            raise self._refusal(stage, reply)

    async def _answer(self, stage: Stage) -> Reply:
        self.stage = stage
        try:
            reply = await self._wire.reply(self._timeout)
        except Broken as broken:
            self._suspect(stage, broken)
            raise _lost(stage, broken.message) from None
        if reply.code == 421:
            self._wire.abort(f"the server closed the connection: {reply}")
            raise refused(stage, reply, "session")
        return reply

    async def _send_ahead(self, content: Iterable[bytes]) -> Failure | None:
        """The content without its dot, as the server takes it; a Failure if it would not have it."""
        wire, until = self._wire, time.monotonic() + FINAL_DOT_TIMEOUTS * self._timeout
        try:
            for piece in _slices(content):
                wire.write(piece)
                await wire.drained(until - time.monotonic())
                if wire.has_unread:
                    break
            else:
                return None
            reply = await wire.reply(self._timeout)
        except Broken as broken:
            return _lost("data", broken.message)
        except OSError as error:
            wire.abort(f"the message could not be read: {error}")
            return _lost("data", f"the message could not be read: {error.strerror or error}")
        wire.abort(f"the server did not wait for the end of the message: {reply}")
        if reply.code < 400:
            return _lost("data", f"the server accepted a message that it did not have: {reply}")
        return refused("data", reply, "session" if reply.code == 421 else "delivery")

    def _refusal(self, stage: Stage, reply: Reply) -> Failure:
        if stage == "mail" and reply.code in WANTS_LOGIN:
            # Not this message's fault.
            self._wire.abort(f"the server said {reply}")
            return refused("auth", reply, "server")
        return refused(stage, reply)

    def _check_step(self) -> None:
        if self._wire.has_unread:
            self._wire.abort("the server said more than it was asked")

    def _out_of_step(self, stage: Stage, reply: Reply) -> Failure:
        """Replies that cannot belong to our commands: none of them may condemn a delivery."""
        if self.pipelining:
            self._server.learned.distrust_pipelining()
        self._wire.abort("commands and replies are out of step")
        message = f"the server's replies are out of step: {stage.upper()} was answered by {reply}"
        return Failure(message, stage=stage, scope="session", reply=reply)

    def _suspect(self, stage: Stage, broken: Broken) -> None:
        """Remember that PIPELINING may be why the server did not answer."""
        if not self.pipelining or self._overlapped in self._proven:
            return
        if stage != "mail" or (self._overlapped and broken.why == "silent"):
            self._server.learned.distrust_pipelining()
        else:
            self._server.learned.suspect_pipelining()


def _slices(content: Iterable[bytes]) -> Iterator[memoryview]:
    for piece in content:
        view = memoryview(piece)
        for start in range(0, len(piece), AT_ONCE):
            yield view[start : start + AT_ONCE]


def _lost(stage: Stage, why: str) -> Failure:
    return Failure(f"the session ended before the message was sent: {why}", stage=stage, scope="session")


def _in_doubt(why: str) -> Failure:
    message = f"the message was sent, but whether it was accepted is not known: {why}"
    return Failure(message, stage="dot", kind="unknown")
