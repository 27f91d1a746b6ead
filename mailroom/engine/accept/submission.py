"""Submission: what is to be accepted, what is answered, and why something is not accepted.

NotAccepted            one family: nothing was written
├── SubmissionRefused  `problems`: (field, what to do) for the person who submitted
├── KeyReused          the idempotency key belongs to another submission
├── TickMade           the tick of a repeat has its mailing already
├── TickNotDue         its repeat was paused, canceled or changed meanwhile
└── StillUnderWay      the same submission is being accepted right now
    └── Overtaken      this one stood still for so long that it was given up; a retry may have its key
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.content.schedule.sending_hours import SendingHours
from mailroom.content.whole.original import Original
from mailroom.ledger.mailings.insertion import HandedInBy
from mailroom.ledger.states import MailingState

IF_UNKNOWN_CHOICES = ("resend", "hold", "evidence")
"""What becomes of a mail of which nobody knows whether it arrived."""


class NotAccepted(Exception):
    """Nothing was written."""


class SubmissionRefused(NotAccepted):
    """What was submitted cannot be mailed. `problems`: (field, what is wrong and what to do)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = list(problems)


class KeyReused(NotAccepted):
    """The idempotency key belongs to another submission."""


class StillUnderWay(NotAccepted):
    """The same submission is being accepted; its answer is not there yet."""


class TickMade(NotAccepted):
    """A mailing was made of this tick of a repeat before."""


class TickNotDue(NotAccepted):
    """The repeat was paused, canceled or changed meanwhile."""


class Overtaken(StillUnderWay):
    """The lease of this acceptance ran out, and what it had staged was given up."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Makes a second submission get the first one's answer.

    scope: whose keys these are; fingerprint: sha-256 (hex) of what was submitted.
    """

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RepeatTick:
    """Makes this mailing the only one of a repeat's tick. `by_hand`: a person asked for it now."""

    repeat_id: int
    at: datetime
    by_hand: bool = False


LONGEST_UNDO = 3_600
"""Seconds. Who wants more schedules it."""


LONGEST_CANARY_WAIT = 86_400
"""Seconds. Longer than a day it waits for somebody."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be accepted. `started`: time.perf_counter() when the request came in."""

    content: Content
    recipients: Sequence[Recipient]
    columns: Sequence[str] = ()
    duplicates: int = 0
    send_at: datetime | None = None
    hours: SendingHours | None = None  # outside of which it waits
    undo: int = 0  # seconds from its acceptance in which nobody is mailed, so that all can be taken back
    canary: int = 0  # so many of the first recipients go before the others; 0: all go at once
    canary_wait: int | None = None  # seconds from its begin until the others go; None: by a click
    expires_at: datetime | None = None
    expires_after: timedelta = timedelta(hours=48)  # counted from when it may begin
    if_unknown: str = "resend"
    evidence_wait: timedelta = timedelta(minutes=15)  # of `evidence`
    user_id: int | None = None
    program_id: int | None = None  # of the API key that hands it in
    key_id: int | None = None  # that key, which must not have ended when this is written
    sign_in_hash: str = ""  # of the token of a person's browser, which must still be signed in then
    tags: Sequence[tuple[str, str]] = ()
    idempotency: Idempotency | None = None
    tick: RepeatTick | None = None
    route: str = ""  # the name of a relay
    max_sessions: int | None = None
    written_as: str = ""  # the uid of the kept draft that becomes this mailing
    original: Original | None = None  # mailed as it came; content is then what pages show
    started: float = field(default_factory=time.perf_counter)

    @property
    def by(self) -> HandedInBy:
        """Who must still be let in when this is written."""
        return HandedInBy(self.key_id or 0, self.sign_in_hash)

    @property
    def goes_first(self) -> int | None:
        """So many go before the others, which are held back; None: nobody is."""
        return self.canary if 0 < self.canary < len(self.recipients) else None

    @property
    def elapsed_ms(self) -> int:
        return round((time.perf_counter() - self.started) * 1000)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer. `enqueued`: False when the queue is away; sending starts when it is back."""

    mailing_id: int
    uid: str
    total: int
    state: MailingState
    enqueued: bool = True
    replayed: bool = False
    ms: int = 0
    duplicates: int = 0


class Replayed(Exception):
    """The same submission was accepted before, as this mailing."""

    def __init__(self, mailing_id: int) -> None:
        self.mailing_id = mailing_id
