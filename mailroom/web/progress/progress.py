"""Progress: how far a mailing is, how fast it goes, and when it will have ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import SETTLED_STATES, TERMINAL, MailingState, State

MEASURABLE_MS = 1_000
"""Below this nobody can say how fast it goes; an end estimated from it would be a guess."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A mailing's figures at one moment."""

    settled: int  # deliveries with an outcome
    total: int
    is_live: bool  # something may still change by itself
    elapsed_ms: int | None
    per_second: float | None
    remaining_ms: int | None
    ends_at: datetime | None

    @property
    def percent(self) -> int:
        """Rounded down: 100 means all of them."""
        return self.settled * 100 // self.total if self.total else 100


def progress_of(mailing: Mailing, now: datetime) -> Progress:
    settled = sum(mailing.counts.get(state, 0) for state in (SETTLED_STATES if mailing.is_over else TERMINAL))
    elapsed = _elapsed(mailing, now)
    speed = settled_speed(mailing, elapsed)
    left = mailing.total - settled
    remaining = None
    is_going = mailing.state is MailingState.ACTIVE and not mailing.holds_back(now)
    if speed and left and is_going and not _only_retries_left(mailing, left):
        remaining = round(left / speed * 1000)
    return Progress(
        settled=settled,
        total=mailing.total,
        is_live=(not mailing.is_over and mailing.state is not MailingState.PAUSED) or _under_way(mailing),
        elapsed_ms=elapsed,
        per_second=speed,
        remaining_ms=remaining,
        ends_at=now + timedelta(milliseconds=remaining) if remaining is not None else None,
    )


def settled_speed(mailing: Mailing, elapsed_ms: int | None) -> float | None:
    """Mails a second over the whole delivery; a quick mailing counts once it is over."""
    tried = sum(mailing.counts.get(state, 0) for state in (State.SENT, State.FAILED, State.BOUNCED))
    if not tried or not elapsed_ms or (elapsed_ms < MEASURABLE_MS and not mailing.is_over):
        return None
    return tried / elapsed_ms * 1000


def _elapsed(mailing: Mailing, now: datetime) -> int | None:
    if mailing.started_at is None:
        return None
    spent = (mailing.ended_at or now) - mailing.started_at
    return max(0, spent // timedelta(milliseconds=1))


def _only_retries_left(mailing: Mailing, left: int) -> bool:
    """What waits for its next try leaves when its time comes, not at the speed of the rest."""
    return left <= sum(mailing.counts.get(state, 0) for state in (State.DEFERRED, State.UNKNOWN))


def _under_way(mailing: Mailing) -> bool:
    return bool(mailing.counts.get(State.SENDING, 0))
