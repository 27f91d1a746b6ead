"""Suspects: refusals that may be about us, kept back until it is known whom they are about.

What says itself that it is about us (smtp/blame.py), and what says nothing but is the same for many
recipients of several domains in a row, fails nobody. A mail that the server takes afterwards shows that
the refusals before it concerned their own recipients only. Without such a mail they are spared, and
the circuit opens, or, where they concern one sender or one mailing, that mailing is paused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from mailroom.engine.send.feed import Feed, domain_of
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.smtp.blame import Blame, blamed, gist, quota_period
from mailroom.smtp.failure import Failure
from mailroom.smtp.reply import Reply

ENOUGH = 3
"""So many refusals that say themselves that they are about us, or about one sender, are believed."""

MANY = 5
"""So many recipients who got one reply in a row share a reason, if they are of several domains."""


class Streak:
    """What a relay has answered since it last took a mail: one reply, to whom. Kept between batches."""

    def __init__(self) -> None:
        self._gist = ""
        self._recipients: set[str] = set()
        self.domains: set[str] = set()

    def broken(self) -> None:
        """A mail was taken."""
        if self._recipients:
            self._gist, self._recipients, self.domains = "", set(), set()

    def goes_on(self, words: str, recipient: str) -> None:
        """One more refusal; another reply than the last one begins a new streak."""
        if words != self._gist:
            self.broken()
            self._gist = words
        self._recipients.add(recipient)
        self.domains.add(domain_of(recipient))

    def is_general(self, feed: Feed) -> bool:
        """Whether no single recipient and no single domain can be the reason."""
        has_seen_enough = len(self.domains) >= MANY or not feed.has_other_domains(self.domains)
        return len(self._recipients) >= MANY and len(self.domains) > 1 and has_seen_enough


class Suspect(NamedTuple):
    """A delivery that was refused, and whom that may be about."""

    delivery: WaitingDelivery
    failure: Failure
    blame: Blame
    sender: str
    at: float  # monotonic

    @property
    def mailing_id(self) -> int:
        return self.delivery.mailing_id


class Conclusion(NamedTuple):
    """What a batch found out in the end."""

    spared: list[Suspect]
    failed: list[Suspect]
    trouble: Failure | None  # why the circuit opens
    held: dict[int, Suspect]  # why each of these mailings is paused


class Suspects:
    """Those of one batch. Belongs to one event loop."""

    def __init__(self, streak: Streak, accepted_at: int | None) -> None:
        """`accepted_at`: when the server was last known to work again (ledger's milliseconds), if ever."""
        self._streak = streak
        self._accepted_at = accepted_at
        self._held: list[Suspect] = []
        self._general = False

    def take(self, delivery: WaitingDelivery, failure: Failure, sender: str) -> bool:
        """Keeps a refusal back. False: it is this delivery's own."""
        reply = failure.reply
        if reply is None or reply.code < 400 or (failure.kind == "temporary" and reply.is_permanent):
            return False
        blame = blamed(failure.stage, reply, (delivery.address, sender))
        if blame is Blame.RECIPIENT or (reply.is_temporary and not _lasts(blame, reply)):
            return False
        if self._is_its_own(delivery):
            if blame is Blame.QUOTA:
                failure.kind = "temporary"
            if blame is not Blame.SENDER and failure.stage != "mail":
                return False
            blame = Blame.SENDER
        if blame is Blame.UNCLEAR:
            if delivery.is_resumed:
                return False
            self._streak.goes_on(gist(reply, (delivery.address, sender)), delivery.address)
        self._held.append(Suspect(delivery, failure, blame, sender, time.monotonic()))
        return True

    def _is_its_own(self, delivery: WaitingDelivery) -> bool:
        """Whether others' mail was taken since this one was refused the last time."""
        if delivery.refused_at is None or self._accepted_at is None:
            return False
        return self._accepted_at > delivery.refused_at

    def cleared(self, sender: str, marked_at: float) -> list[Suspect]:
        """Who was refused for themselves: a mail of this sender, marked then (monotonic), was taken."""
        self._streak.broken()
        if not self._held:
            return []
        before, self._held = self._held, []
        cleared = []
        for suspect in before:
            if suspect.at > marked_at or (suspect.blame is Blame.SENDER and suspect.sender != sender):
                self._held.append(suspect)
            elif suspect.failure.stage == "mail" and suspect.sender != sender:
                self._held.append(suspect._replace(blame=Blame.SENDER))
            else:
                if suspect.blame is Blame.QUOTA:
                    suspect.failure.kind = "temporary"
                cleared.append(suspect)
        return cleared

    def look_further(self, feed: Feed) -> bool:
        """Has those tried next who can tell most. False: all is known, and nothing more is to be tried."""
        feed.bring_forward({domain_of(suspect.delivery.address) for suspect in self._held})
        about_us = [suspect for suspect in self._held if suspect.blame in (Blame.US, Blame.QUOTA)]
        if len(about_us) >= ENOUGH or any(suspect.blame is Blame.QUOTA for suspect in about_us):
            return False
        for mailing_id in {suspect.mailing_id for suspect in self._held}:
            mine = [suspect for suspect in self._of(Blame.SENDER) if suspect.mailing_id == mailing_id]
            if len(mine) >= ENOUGH:
                feed.leave_out(mailing_id)
        self._general = self._general or self._streak.is_general(feed)
        if not self._general:
            return True
        unclear = {suspect.mailing_id for suspect in self._of(Blame.UNCLEAR)}
        for mailing_id in unclear:
            feed.leave_out(mailing_id)
        return len(unclear) == 1

    def conclude(self, feed: Feed) -> Conclusion:
        """Nothing more of this batch is tried."""
        about_us = [*self._of(Blame.QUOTA), *self._of(Blame.US)]
        senders, unclear = list(self._of(Blame.SENDER)), list(self._of(Blame.UNCLEAR))
        held = {suspect.mailing_id: suspect for suspect in senders}
        if not (self._general or (unclear and self._streak.is_general(feed))):
            return Conclusion([*about_us, *senders], unclear, _trouble(about_us), held)
        if len({suspect.mailing_id for suspect in unclear}) == 1:
            held |= {suspect.mailing_id: suspect for suspect in unclear}
        else:
            about_us += unclear
        return Conclusion(self._held, [], _trouble(about_us), held)

    def _of(self, blame: Blame) -> Iterator[Suspect]:
        return (suspect for suspect in self._held if suspect.blame is blame)


def _lasts(blame: Blame, reply: Reply) -> bool:
    """Whether a "later" is about us, and not only about our speed, which the rate limiter sees to."""
    return blame is Blame.US or (blame is Blame.QUOTA and quota_period(reply) is not None)


def _trouble(about_us: list[Suspect]) -> Failure | None:
    return about_us[0].failure if about_us else None
