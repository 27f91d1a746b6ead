"""Returns desk: mail to the bounce address, of whoever brings it, without a sign-in. Nothing is passed on."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from aiosmtpd.smtp import Envelope, Session

from mailroom.content.links.return_tokens import ReturnAddress
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.returned_mail import ReturnedMail
from mailroom.feedback.reading import MailEnvelope
from mailroom.feedback.received import MOST_READ_OCTETS
from mailroom.submission.incoming import IncomingMessage
from mailroom.supervision import cause

log = structlog.get_logger()

RETURN_READERS = 2
"""Messages that are read at the same time: programs that hand in mail have their own."""

MOST_RETURN_RCPT = 20
LONGEST_RETURN_SENDER = 320

SIGN_IN_FIRST = "530 5.7.0 Authentication required"
GIVE_AGAIN = "451 4.3.0 It was not taken; give it again"


class ReturnDesk:
    """Stands where Reception stands for those who signed in."""

    keeps: int | None = MOST_READ_OCTETS
    """Of a message: what is looked at."""

    def __init__(self, returned: ReturnedMail, address: ReturnAddress, way: str = "smtp") -> None:
        self._returned, self._address, self._way = returned, address, way
        self._busy = 0
        self._readers = ThreadPoolExecutor(RETURN_READERS, "returned mail")

    def take_sender(self, session: Session, envelope: Envelope, address: str) -> str:
        """The reply to MAIL: anybody, and nobody (the null path), as bounces are from."""
        if len(address) > LONGEST_RETURN_SENDER:
            return "553 5.1.7 This address is too long"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    def take_recipient(self, envelope: Envelope, address: str) -> str:
        """The reply to RCPT."""
        if not self._address.is_for_us(address):
            return SIGN_IN_FIRST
        if len(envelope.rcpt_tos) >= MOST_RETURN_RCPT:
            return f"452 4.5.3 {MOST_RETURN_RCPT} recipients a message at most; send the rest in another"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def admit(self, session: Session) -> str | None:
        """No message is put off: a bounce has nobody who would wait for it."""
        return None

    async def take(self, session: Session, envelope: Envelope, message: IncomingMessage) -> str:
        """The reply to a whole message. Whatever is not in the ledger is to be given again."""
        self._busy += 1
        try:
            of = MailEnvelope(str(envelope.mail_from), tuple(envelope.rcpt_tos))
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._take, message, of)
        finally:
            self._busy -= 1

    async def ended(self, patience: float) -> None:
        """Returns when no message is being written any more, or after `patience` seconds."""
        deadline = time.monotonic() + patience
        while self._busy and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    def _take(self, message: IncomingMessage, of: MailEnvelope) -> str:
        try:
            self._returned.take(message.octets(), self._way, of)
        except LEDGER_AWAY as error:
            log.error("the ledger cannot be used", reason=cause(error))
            return GIVE_AGAIN
        except Exception as error:  # a message that is lost cannot be had again, and this may be mended
            log.error("a mail that came back cannot be taken", exc_info=error)
            return GIVE_AGAIN
        return "250 2.6.0 Taken"
