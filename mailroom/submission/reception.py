"""Reception: a client's key, each recipient and the message, checked and accepted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import cast

import structlog
from aiosmtpd.smtp import AuthResult, Envelope, Session
from sqlalchemy.exc import DataError, SQLAlchemyError

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.original import HandedIn
from mailroom.database.engine import Database
from mailroom.engine.accept import handed_in
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.handed_in import LARGE_MESSAGE, MOST_RCPT, NotTheirs
from mailroom.engine.accept.submission import NotAccepted
from mailroom.engine.key_rates import Rates
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey, KeyEnded
from mailroom.queue import Queue
from mailroom.settings import Settings
from mailroom.submission.incoming import IncomingMessage
from mailroom.supervision import cause

log = structlog.get_logger()


READERS = 4
"""Messages that are read and written at the same time."""

QUOTES = str.maketrans("“”‘’", "\"\"''")

ANNOUNCED = ("250-PIPELINING", "250-ENHANCEDSTATUSCODES")
"""Beside aiosmtpd's own. No DSN: nobody is told by a program's wish when a mail arrived."""

KEY_ENDED = "535 5.7.8 This API key is not active any more"
REPLY_BROKEN = "451 4.3.0 Something broke here; nothing was accepted, try again"
REPLY_UNREADABLE = "554 5.6.0 This message cannot be read here; to try again would not help"
OF_THE_MESSAGE = (ValueError, LookupError, ArithmeticError, RecursionError, DataError)
"""What no check foresaw breaks in these ways, and would with each try (UnicodeError is a ValueError). Trouble
of our own (ledger, disk, memory) has other names, and is waited for."""

REPLY_LEDGER_AWAY = "451 4.3.0 The ledger cannot be used just now; nothing was accepted, try again"


class Reception:
    """aiosmtpd's handler. Whatever touches the ledger runs in a thread: it may have to wait."""

    keeps: int | None = None
    """Of a message: all."""

    def __init__(self, database: Database, queue: Queue, settings: Settings) -> None:
        self._database = database
        self._queue = queue
        self._settings = settings
        self._rates = Rates(settings.redis_url)
        self._busy = 0
        # Not the pool that signs people in: a large message may take its time.
        self._readers = ThreadPoolExecutor(READERS, "message")
        self._large_readers = ThreadPoolExecutor(1, "large message")

    async def sign_in(self, password: bytes) -> AuthResult:
        try:
            key = await asyncio.to_thread(self._find, password.decode("ascii", "replace"))
        except SQLAlchemyError:
            return AuthResult(
                success=False, handled=False, message="454 4.7.0 The ledger cannot be used just now"
            )
        if key is None or not key.is_active:
            message = "535 5.7.8 The password must be an API key of this Mailroom (mr_...)"
            return AuthResult(success=False, handled=False, message=message)
        if not key.may(api_keys.SEND):
            return AuthResult(success=False, handled=False, message="535 5.7.8 This API key may not send")
        return AuthResult(success=True, auth_data=key)

    def _find(self, password: str) -> ApiKey | None:
        key = api_keys.look(self._database, password)
        if key is not None and key.is_active:
            with self._database.begin_at_once() as connection:
                api_keys.note_use_later(connection, key.id)
        return key

    async def handle_EHLO(
        self, server: object, session: Session, envelope: Envelope, hostname: str, replies: Sequence[str]
    ) -> list[str]:
        session.host_name = hostname
        ours, *others = replies
        return [ours, *ANNOUNCED, *(line for line in others if line != "250-SMTPUTF8")]

    def take_sender(self, session: Session, envelope: Envelope, address: str) -> str:
        """The reply to MAIL. The null path is anybody's: the author stands for it, once that is read."""
        try:
            sender = parse_address(address).address if address else ""
        except AddressError as refusal:
            return f"553 5.1.7 {_words(refusal)}"
        if sender and not _key(session).may_send_from(sender):
            return f"553 5.7.1 This API key may not send from {sender}"
        envelope.mail_from = sender
        return "250 2.1.0 OK"

    def take_recipient(self, envelope: Envelope, address: str) -> str:
        """The reply to RCPT."""
        if len(envelope.rcpt_tos) >= MOST_RCPT:
            return f"452 4.5.3 {MOST_RCPT} recipients a message at most; send the rest in another"
        try:
            recipient = parse_address(address)
        except AddressError as refusal:
            return f"553 5.1.3 {_words(refusal)}"
        envelope.rcpt_tos.append(recipient.address)
        return "250 2.1.5 OK"

    async def admit(self, session: Session) -> str | None:
        """Why no message is taken now, as a reply to DATA; None: it may come, and is counted.

        Asked before the message is sent, so that one too many costs neither side its octets.
        """
        return await asyncio.to_thread(self._refusal, _key(session))

    def _refusal(self, key: ApiKey) -> str | None:
        try:
            if not self._is_active(key):
                return KEY_ENDED
        except SQLAlchemyError:
            return REPLY_LEDGER_AWAY
        standing = self._rates.hit(key)
        if not standing.is_over:
            return None
        # As Postfix says it; RFC 5321 (4.3.2) has 450 for what a policy puts off at DATA.
        may = f"This API key may hand in {key.rate.replace('/', ' messages a ')}"
        return f"450 4.7.1 {may}: try again in {standing.seconds_left} seconds"

    async def take(self, session: Session, envelope: Envelope, message: IncomingMessage) -> str:
        """The reply to a whole message."""
        started = time.perf_counter()
        self._busy += 1
        readers = self._large_readers if message.size > LARGE_MESSAGE else self._readers
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(readers, self._accept, session, envelope, message, started)
        finally:
            self._busy -= 1

    async def handle_exception(self, error: Exception) -> str:
        log.error("a submission failed", exc_info=error)
        return REPLY_BROKEN

    async def ended(self, patience: float) -> None:
        """Returns when no message is being written any more, or after `patience` seconds."""
        deadline = time.monotonic() + patience
        while self._busy and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    def _accept(self, session: Session, envelope: Envelope, message: IncomingMessage, started: float) -> str:
        try:
            return self._judge(session, envelope, message, started)
        except Unmailable as reason:
            return f"554 5.6.0 This message cannot be mailed: {_words(reason)}"
        except NotTheirs as refusal:
            return f"550 5.7.1 {_words(refusal)}"
        except KeyEnded:  # while the message came
            return KEY_ENDED
        except NotAccepted as refusal:
            return f"554 5.6.0 {_words(refusal)}"
        except OF_THE_MESSAGE as error:
            log.error("a message cannot be read", exc_info=error)
            return REPLY_UNREADABLE
        except SQLAlchemyError as error:
            if isinstance(getattr(error, "orig", None), OF_THE_MESSAGE):
                log.error("a message cannot be kept", reason=cause(error))
                return REPLY_UNREADABLE
            log.error("the ledger cannot be used", reason=cause(error))
            return REPLY_LEDGER_AWAY
        except OSError as error:  # of a disk; the client's connection is out of reach here
            log.error("a submission failed", exc_info=error)
            return REPLY_BROKEN

    def _judge(self, session: Session, envelope: Envelope, message: IncomingMessage, started: float) -> str:
        key = _key(session)
        handed = HandedIn(message, str(envelope.mail_from), envelope.rcpt_tos)
        with handed_in.turn_of(handed.size):
            submission = handed_in.submission_of(handed, key, protocol=f"ESMTP{'S' if session.ssl else ''}A")
            submission = replace(submission, expires_after=self._settings.expires, started=started)
            return f"250 2.6.0 Accepted as {accept(self._database, self._queue, submission).uid}"

    def _is_active(self, key: ApiKey) -> bool:
        present = api_keys.look_again(self._database, key)
        return present is not None and present.is_active


def _words(reason: object) -> str:
    """For a reply: one line of ASCII."""
    text = " ".join(str(reason).translate(QUOTES).split())
    return text.encode("ascii", "replace").decode("ascii")[:400]


def _key(session: Session) -> ApiKey:
    return cast(ApiKey, session.auth_data)  # aiosmtpd lets nobody come so far without it
