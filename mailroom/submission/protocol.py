"""aiosmtpd's server with our rules: who may sign in where, nothing without it, and no client without end."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import defaultdict
from typing import Any, AnyStr, cast

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

from mailroom.engine.accept.aftermath import aftermath
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.proxies import source
from mailroom.submission.arguments import ArgumentRefused, argument_of
from mailroom.submission.door import Door, is_theirs
from mailroom.submission.incoming import IncomingMessage, pieces
from mailroom.submission.limits import LARGEST_SUBMISSION, LONGEST_COMMAND, SubmissionLimits
from mailroom.submission.reception import Reception
from mailroom.submission.replies import enhanced
from mailroom.submission.returns import ReturnDesk

COMMANDS = {"AUTH": 5, "STARTTLS": 1, "VRFY": 1, "EXPN": 1, "HELP": 10, "*": 100_000}
"""How often a connection may give each."""


class SubmissionProtocol(SMTP):
    """One connection. To the door's crowds it is somebody who waits."""

    command_size_limit = LONGEST_COMMAND

    def __init__(
        self,
        reception: Reception,
        hostname: str,
        tls: ssl.SSLContext | None,
        door: Door | None = None,
        returns: ReturnDesk | None = None,
    ) -> None:
        """`returns`: takes mail to the bounce address, of whoever brings it; None: there is none."""
        self.door = door or Door(SubmissionLimits())
        self._limits = self.door.limits
        self.line_length_limit = self._limits.strangers_line
        self.address = ""
        super().__init__(
            reception,
            data_size_limit=LARGEST_SUBMISSION,
            enable_SMTPUTF8=True,  # to answer whoever writes so in our words; it is not announced
            hostname=hostname,
            ident="Mailroom",
            tls_context=tls,
            timeout=self._limits.idle_seconds,
            auth_required=True,
            auth_require_tls=True,
            authenticator=_nobody,
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd's is one for all connections, and grows with each EHLO.
        self.command_size_limits = defaultdict(lambda: LONGEST_COMMAND)
        self._reception = reception
        self._returns = returns
        self._greets = True
        self._came_at = self.loop.time()
        self._crowd = self.door.strangers
        self._incoming: IncomingMessage | None = None
        self._data_since: float | None = None
        self._received = self._replies = self._errors = self._wrong = 0

    # Who it is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        # What this machine says to itself is on no wire.
        self._auth_require_tls = not _is_loopback(peer)
        is_new = self.transport is None
        super().connection_made(transport)
        if is_new:
            self.address = source(str(peer[0])) if peer else ""
            self._crowd.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.remove(self)
        super().connection_lost(error)

    @syntax("HELO hostname")
    async def smtp_HELO(self, hostname: str) -> None:
        self._greets = True
        await super().smtp_HELO(hostname)
        self._greets = False

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str) -> None:
        self._greets = True
        await super().smtp_EHLO(hostname)
        self._greets = False

    async def smtp_AUTH(self, arg: str) -> None:
        mechanism, blank, words = (arg or "").partition(" ")
        await super().smtp_AUTH(f"{mechanism.upper()}{blank}{words}")

    async def challenge_auth(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().challenge_auth(*arguments, **options)
        except ValueError:  # of a line that is too long
            await self.push("500 5.5.6 This answer is too long")
            return MISSING

    async def auth_PLAIN(self, _: Any, args: list[str]) -> AuthResult:
        return await self._judged(await super().auth_PLAIN(_, args))

    async def auth_LOGIN(self, _: Any, args: list[str]) -> AuthResult:
        return await self._judged(await super().auth_LOGIN(_, args))

    # A message

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """aiosmtpd's refuses the null path, and every parameter that it does not know."""
        if await self.check_helo_needed() or await self._check_sign_in_needed("MAIL"):
            return
        if self._known_envelope.mail_from is not None:
            await self.push("503 5.5.1 Error: nested MAIL command")
            return
        try:
            sender = argument_of("MAIL", "FROM:", arg).address
        except ArgumentRefused as refusal:
            await self.push(str(refusal))
            return
        await self.push(self._desk.take_sender(self._known_session, self._known_envelope, sender))

    @syntax("RCPT TO: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:
        if await self.check_helo_needed() or await self._check_sign_in_needed("RCPT"):
            return
        if self._known_envelope.mail_from is None:
            await self.push("503 5.5.1 Error: need MAIL command")
            return
        try:
            recipient = argument_of("RCPT", "TO:", arg).address
        except ArgumentRefused as refusal:
            await self.push(str(refusal))
            return
        await self.push(self._desk.take_recipient(self._known_envelope, recipient))

    @syntax("VRFY <address>")
    async def smtp_VRFY(self, arg: str | None) -> None:
        if not await self.check_auth_needed("VRFY"):
            await self.push("252 2.5.0 Addresses are looked at when they are given to RCPT")

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """Asks whether a message may come, and takes it: aiosmtpd keeps an object for each of its lines."""
        if await self.check_helo_needed() or await self._check_sign_in_needed("DATA"):
            return
        if not self._known_envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
        elif arg:
            await self.push("501 5.5.4 Syntax: DATA")
        else:
            refusal = await self._desk.admit(self._known_session)
            replies = 1 if refusal else self._replies_to(self._known_envelope)
            reply = refusal or await self._take_message()
            self.envelope = self._create_envelope()  # the next MAIL begins anew, as after any end of DATA
            for _ in range(replies):
                await self.push(reply)

    def _replies_to(self, envelope: Envelope) -> int:
        """How many a whole message gets."""
        return 1

    async def _check_sign_in_needed(self, command: str) -> bool:
        """Whether it was told to sign in first. Whoever brings mail to the bounce address need not."""
        return self._returns is None and await self.check_auth_needed(command)

    @property
    def _desk(self) -> Reception | ReturnDesk:
        """Who takes its message: the bounce address's of a stranger, as nothing else is taken of one."""
        if self._returns is None or self._known_session.authenticated:
            return self._reception
        return self._returns

    async def _take_message(self) -> str:
        """The reply to a message's final dot."""
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._data_since, self._received = self.loop.time(), 0
        self._reset_timeout()
        self._incoming = IncomingMessage(LARGEST_SUBMISSION, self._desk.keeps)
        try:
            async for piece in pieces(self._reader):
                self._keep(self._incoming, piece)
            if self._incoming.refusal:
                return self._incoming.refusal
            return await self._hand_over(self._incoming)
        finally:
            incoming, self._incoming, self._data_since = self._incoming, None, None
            with aftermath("the end of a message"):  # which may be on disk
                incoming.close()
                self._crowd.measure(self)
                if self.transport is not None:
                    self._reset_timeout()

    def _keep(self, message: IncomingMessage, piece: bytes) -> None:
        message.append(piece)
        self._crowd.measure(self)
        if message.size > 2 * LARGEST_SUBMISSION:  # it does not even hear that
            self._end(message.refusal, "a client went on without end")

    async def _hand_over(self, message: IncomingMessage) -> str:
        """While we work it may stay, however long that takes."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        self._data_since = None
        self._crowd.work(self)
        try:
            return await self._desk.take(self._known_session, self._known_envelope, message)
        finally:
            with aftermath("the clock of its connection"):
                if self.transport is not None:
                    self._came_at = self.loop.time()  # of a stranger, who may bring another one
                    self._crowd.wait(self)
                    self._reset_timeout()

    @property
    def memory(self) -> int:
        return self._incoming.memory if self._incoming else 0

    @property
    def disk(self) -> int:
        return self._incoming.disk if self._incoming else 0

    @property
    def _known_session(self) -> Session:
        return cast(Session, self.session)

    @property
    def _known_envelope(self) -> Envelope:
        return cast(Envelope, self.envelope)

    async def _judged(self, read: AuthResult) -> AuthResult:
        if not isinstance(read.auth_data, LoginPassword):
            return read
        result = await self._reception.sign_in(read.auth_data.password)
        if result.success:
            self._sign_in(cast(ApiKey, result.auth_data))
        elif str(result.message).startswith("535"):
            await self._note_wrong_key()
        return result

    def _sign_in(self, key: ApiKey) -> None:
        """From the crowd of strangers to that of clients, where it counts by its key."""
        if self.transport is None:  # let go while its key was looked up
            return
        self._crowd.remove(self)
        self._crowd, self.address = self.door.clients, f"key {key.id}"
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
        # The first one, and what HELO and EHLO hear, have no such code (RFC 2034, 4).
        reply = reply if self._greets else enhanced(reply)
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


def _nobody(*arguments: Any) -> AuthResult:
    """What the mechanisms made of the client's words, which `_judged` is yet to judge."""
    return AuthResult(success=False, handled=False, auth_data=arguments[-1])


def _is_loopback(peer: tuple[Any, ...] | None) -> bool:
    if not peer:
        return False
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
