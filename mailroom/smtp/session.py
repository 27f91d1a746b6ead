"""One open SMTP connection, and the messages that are handed over on it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial

from mailroom.smtp.blame import is_about_session
from mailroom.smtp.envelope import Envelope, LongContent, Outcome, Source, unsendable
from mailroom.smtp.failure import Failure, Stage, Withdrawn
from mailroom.smtp.greeting import Extensions, greet
from mailroom.smtp.reply import Reply
from mailroom.smtp.server import Server
from mailroom.smtp.transaction import Dialogue
from mailroom.smtp.usual_course import UsualCourse
from mailroom.smtp.wire import Broken, Wire

GOODBYE = 2.0
"""Seconds for QUIT: politeness must not hold up a shutdown."""


class Session:
    """Made by `open`. For one coroutine at a time; may be kept between runs of its event loop.

    It closes itself when it can be of no use to a next message: look at `closed`.
    """

    def __init__(self, server: Server, wire: Wire, extensions: Extensions) -> None:
        self.server = server
        self.extensions = extensions
        self.sent = 0
        self.idle_since = time.monotonic()
        self._wire = wire
        self._dialogue = Dialogue(server, wire, extensions)

    @classmethod
    async def open(cls, server: Server) -> Session:
        """Connect, greet, encrypt, log in. Raises Failure with scope `server`."""
        return cls(server, *await greet(server))

    def __repr__(self) -> str:
        return f"<Session {self.server.name} {'closed' if self.closed else 'open'} {self.sent} sent>"

    @property
    def closed(self) -> bool:
        return self._wire.broken is not None

    @property
    def stage(self) -> Stage:
        """Where the dialogue stands: the reply that is awaited, while it runs."""
        return self._dialogue.stage

    @property
    def pipelining(self) -> bool:
        return self._dialogue.pipelining

    @property
    def full(self) -> bool:
        """Whether it has sent as many messages as one session may: close it, open another."""
        limit = self.server.messages_a_session
        return limit is not None and self.sent >= limit

    async def run(self, source: Source) -> None:
        """Hand over what `source` gives, until it gives no more or the session is closed or full.

        Where the server offers PIPELINING, a message's content and the next one's MAIL,
        RCPT and DATA leave in one write: one round trip a message (RFC 2920, 3.1). Every
        envelope gets an outcome; nothing of the wire's is raised. What the source itself
        raises, and a cancellation, go up with the connection closed and no more outcomes.
        """
        try:
            await self._run(source)
        except BaseException:
            self._wire.abort()
            raise
        self.idle_since = time.monotonic()

    async def send(self, envelope: Envelope, before_dot: Callable[[], Awaitable[bool]]) -> Reply:
        """Hand over one message; raises Failure, or Withdrawn when `before_dot` says no."""
        single = _Single(envelope, before_dot)
        await self.run(single)
        if isinstance(single.result, Reply):
            return single.result
        raise single.result

    async def close(self) -> bool:
        """Take leave politely, but not for long; whether the server answered. Raises only when canceled."""
        try:
            self._wire.write(b"QUIT\r\n")
            reply = await self._wire.reply(min(GOODBYE, self.server.timeout))
            return reply.is_positive
        except Broken:
            return False
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once. A message whose dot has not left is not sent."""
        self._wire.abort()

    async def _run(self, source: Source) -> None:
        dialogue = self._dialogue
        course = UsualCourse(
            dialogue, source, partial(self._next, source, ahead=1), partial(self._accepted, source)
        )
        envelope, commands = self._next(source)
        self._wire.write(commands)
        while envelope is not None:
            following: Envelope | None = None
            outcome: Outcome
            try:
                if not dialogue.is_ahead():
                    await dialogue.go_ahead(envelope)
            except Failure as failure:
                outcome = failure
            else:
                is_marked, has_left = await source.mark(envelope), False
                if is_marked and dialogue.pipelining:
                    await course.go(envelope)
                    envelope, following, commands = course.envelope, course.following, course.commands
                    is_marked, has_left = course.is_marked, course.has_left
                if not is_marked:
                    self._wire.abort()
                    outcome = Withdrawn()
                elif has_left:
                    outcome = await dialogue.verdict(is_followed=following is not None)
                else:
                    outcome = await dialogue.hand_over(envelope, commands if following else b"")
            if isinstance(envelope.content, LongContent):
                envelope.content.let_go()  # a failure keeps whoever it went through
            if isinstance(outcome, Reply):
                self._accepted(source, envelope, outcome)
            else:
                self._refused(source, envelope, outcome)
            if following is None:
                following, commands = self._next(source)
                self._wire.write(commands)
            envelope = following

    def _accepted(self, source: Source, envelope: Envelope, reply: Reply) -> None:
        self.sent += 1
        source.outcome(envelope, reply)

    def _refused(self, source: Source, envelope: Envelope, outcome: Failure | Withdrawn) -> None:
        if isinstance(outcome, Failure) and self._has_had_enough(outcome.reply):
            self.server.learned.takes_no_more(self.sent)
            if outcome.stage != "dot":
                outcome.scope = "session"
        source.outcome(envelope, outcome)

    def _has_had_enough(self, reply: Reply | None) -> bool:
        return self.sent > 0 and reply is not None and is_about_session(reply)

    def _next(self, source: Source, ahead: int = 0) -> tuple[Envelope | None, bytes]:
        """The source's next envelope and the commands to write for it."""
        limit = self.server.messages_a_session
        while not self.closed and (limit is None or self.sent + ahead < limit):
            envelope = source.next_envelope()
            if envelope is None:
                break
            failure = unsendable(envelope, self.extensions.size_limit)
            if failure is None:
                return envelope, self._dialogue.announcement(envelope, overlapped=ahead > 0)
            source.outcome(envelope, failure)
        return None, b""


class _Single:
    """The source of one message."""

    def __init__(self, envelope: Envelope, before_dot: Callable[[], Awaitable[bool]]) -> None:
        self._envelope: Envelope | None = envelope
        self._before_dot = before_dot
        self.result: Outcome = Failure("the session was closed already", stage="mail", scope="session")

    def next_envelope(self) -> Envelope | None:
        envelope, self._envelope = self._envelope, None
        return envelope

    def mark(self, envelope: Envelope) -> Awaitable[bool]:
        return self._before_dot()

    def outcome(self, envelope: Envelope, outcome: Outcome) -> None:
        self.result = outcome
