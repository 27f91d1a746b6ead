"""Returned mail: one message that came back, by whichever way, read and taken into the ledger.

Nothing is ever answered, and nothing bounced: whoever writes to a return path hears no word from us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from mailroom.content.links.return_tokens import ReturnPurpose, read
from mailroom.database.engine import Database
from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.engine.feedback.taking import Taken, take
from mailroom.engine.key_ring import KeyRing
from mailroom.feedback.reading import NO_ENVELOPE, MailEnvelope, Unsubscription, read_mail
from mailroom.ledger.consent import unsubscribing
from mailroom.ledger.consent.unsubscribing import Subscription, scopes_of
from mailroom.ledger.feedback import provider_doors
from mailroom.settings import Settings

log = structlog.get_logger()

BY_MAIL = "a mail to its own unsubscribe address"


class TakenMail(NamedTuple):
    """What became of a message. `why`: what it is where there was nothing to take."""

    reports: tuple[Taken, ...] = ()
    unsubscribed: tuple[Subscription, ...] = ()
    why: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether there was something to take: it has been, and the message may go."""
        return bool(self.reports or self.unsubscribed)

    def __str__(self) -> str:
        if self.unsubscribed:
            return "an unsubscription"
        if not self.reports:
            return self.why
        unmatched = [one.unmatched for one in self.reports if one.delivery_id is None]
        known = sum(not one.is_new for one in self.reports)
        words = [f"{len(self.reports)} report{'s' if len(self.reports) > 1 else ''}"]
        words += [f"{known} known before"] if known else []
        words += [f"{len(unmatched)} unmatched: {unmatched[0]}"] if unmatched else []
        return ", ".join(words)


class ReturnedMail:
    """Takes messages, one after the other or several at once. Thread-safe."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._ring = KeyRing(database)
        self._rules = FeedbackRules.of(settings)

    def take(self, octets: bytes, way: str, envelope: MailEnvelope = NO_ENVELOPE) -> TakenMail:
        """It is in the ledger when this returns. Raises an error of LEDGER_AWAY: give it again.

        Given twice, it is counted once. Only the first megabyte of it is needed.
        """
        found = read_mail(octets, way, envelope)
        if found.unsubscriptions:
            taken = self._unsubscribed(found.unsubscriptions)
        elif found.reports:
            taken = TakenMail(tuple(take(self._database, found.reports, self._ring, self._rules)))
        else:
            taken = TakenMail(why=found.why)
        log.info("a mail came back", way=way, what=str(taken))
        return taken

    def _unsubscribed(self, wishes: Sequence[Unsubscription]) -> TakenMail:
        found = [(of, wish.key) for wish in wishes if (of := self._subscription(wish))]
        for of, key in found:
            scope = scopes_of(of)[0]
            with self._database.begin() as connection:
                is_new = scope not in unsubscribing.standing(connection, of)
                # Told once: whoever subscribed again is not unsubscribed by a copy.
                if is_new and key:
                    is_new = provider_doors.is_first(connection, key)
                if is_new:
                    unsubscribing.unsubscribe(connection, of, scope, BY_MAIL)
            if is_new:
                log.info("somebody unsubscribed", delivery=of.delivery_id, scope=scope.word, by_mail=True)
        return TakenMail(
            unsubscribed=tuple(of for of, _ in found),
            why="" if found else "an unsubscription that is not ours",
        )

    def _subscription(self, wish: Unsubscription) -> Subscription | None:
        """By its address, which is of one delivery; or by the link, which needs no delivery any more."""
        parts = read(wish.token)
        key = self._ring.returned(parts.key_number) if parts else None
        if parts and key:
            with self._database.read() as connection:
                of = unsubscribing.of_delivery(connection, parts.delivery_id)
            if of and key.is_sealed(parts, ReturnPurpose.UNSUBSCRIBE, of.address_key):
                return of
        return self._ring.subscription(wish.link) if wish.link else None
