"""SMTP dialogue: aiosmtpd's server with our rules, who may sign in where, and nothing without it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Any, AnyStr, cast

from aiosmtpd.smtp import MISSING, AuthResult, Envelope, LoginPassword, Session, syntax

from mailroom.ledger.people.api_keys import ApiKey
from mailroom.submission.arguments import ArgumentRefused, argument_of
from mailroom.submission.bounds import BoundedConnection
from mailroom.submission.door import Door
from mailroom.submission.incoming import IncomingMessage, pieces
from mailroom.submission.limits import LARGEST_SUBMISSION, SubmissionLimits
from mailroom.submission.reception import Reception
from mailroom.submission.replies import enhanced
from mailroom.submission.returns import ReturnDesk


class SubmissionProtocol(BoundedConnection):
    """What is said on one connection."""

    def __init__(
        self,
        reception: Reception,
        hostname: str,
        tls: ssl.SSLContext | None,
        door: Door | None = None,
        returns: ReturnDesk | None = None,
    ) -> None:
        """`returns`: takes mail to the bounce address, of whoever brings it; None: there is none."""
        super().__init__(
            reception,
            door or Door(SubmissionLimits()),
            enable_SMTPUTF8=True,  # to answer whoever writes so in our words; it is not announced
            hostname=hostname,
            ident="Mailroom",
            tls_context=tls,
            auth_required=True,
            auth_require_tls=True,
            authenticator=_nobody,
        )
        self._reception = reception
        self._returns = returns
        self._greets = True

    # Who it is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What this machine says to itself is on no wire.
        self._auth_require_tls = not _is_loopback(transport.get_extra_info("peername"))
        super().connection_made(transport)

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
        message = IncomingMessage(LARGEST_SUBMISSION, self._desk.keeps)
        self._begin_message(message)
        try:
            async for piece in pieces(self._reader):
                self._keep(message, piece)
            if message.refusal:
                return message.refusal
            with self._at_work():
                return await self._desk.take(self._known_session, self._known_envelope, message)
        finally:
            self._end_message(message)

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
            self._let_in(f"key {cast(ApiKey, result.auth_data).id}")
        elif str(result.message).startswith("535"):
            await self._note_wrong_key()
        return result

    # Its words

    async def push(self, status: AnyStr) -> None:
        reply = status if isinstance(status, str) else status.decode("ascii", "replace")
        # The first one, and what HELO and EHLO hear, have no such code (RFC 2034, 4).
        await super().push(reply if self._greets else enhanced(reply))


def _nobody(*arguments: Any) -> AuthResult:
    """What the mechanisms made of the client's words, which `_judged` is yet to judge."""
    return AuthResult(success=False, handled=False, auth_data=arguments[-1])


def _is_loopback(peer: tuple[Any, ...] | None) -> bool:
    if not peer:
        return False
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
