"""Planning of repeats: made of a submission and a rule, changed, moved by people; what is to come of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from sqlalchemy import Connection

from mailroom.content.addresses import format_address
from mailroom.content.schedule.repeat_rules import RepeatRule, repeat_rule
from mailroom.content.schedule.sending_hours import SendingHours, sending_hours
from mailroom.content.schedule.zones import zone_named
from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.database.together import Together
from mailroom.engine.accept import keys
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, RepeatTick, Submission
from mailroom.engine.repeats import kept_submission
from mailroom.ledger.mailings import idempotency, insertion
from mailroom.ledger.repeats import repeats
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.queue import Queue

MOST_TIMES = 10_000


@dataclass(frozen=True, slots=True)
class RepeatPlan:
    """When a repeat ticks. `times`: so many times; None: without an end."""

    rule: RepeatRule
    zone: str
    hours: SendingHours | None = None
    ends_at: datetime | None = None
    times: int | None = None

    def next_after(self, moment: datetime) -> datetime | None:
        """None: there is no further tick."""
        return next(self.ticks(moment), None)

    def ticks(self, after: datetime) -> Iterator[datetime]:
        found = self.rule.ticks(after, zone_named(self.zone))
        if self.times is not None:
            found = islice(found, self.times)
        ends_at = self.ends_at
        return found if ends_at is None else takewhile(lambda moment: moment <= ends_at, found)


def plan_of(repeat: Repeat, zone: str = "") -> RepeatPlan:
    """Raises ValueError, for people, where its zone is not known on this machine. `zone`: instead of that."""
    zone = zone_named(zone or repeat.zone).key
    hours = None if repeat.hours is None else sending_hours(repeat.hours)
    return RepeatPlan(repeat_rule(repeat.rule), zone, hours, repeat.ends_at, repeat.times)


def upcoming(repeat: Repeat, most: int) -> list[datetime]:
    """Its next ticks; none where its zone is not known: then nobody can say."""
    if repeat.next_at is None:
        return []
    try:
        plan = plan_of(repeat)
    except ValueError:
        return []
    left = most if plan.times is None else min(most, plan.times)
    return list(islice(_with_first(repeat.next_at, replace(plan, times=None)), left))


def _with_first(first: datetime, plan: RepeatPlan) -> Iterator[datetime]:
    yield first
    yield from plan.ticks(first)


def keep(database: Database, submission: Submission, plan: RepeatPlan) -> str:
    """Keeps it as a repeat, from its `send_at` on; the repeat's uid. The same submission again gets the same.

    Raises ValueError for people, KeyReused, KeyEnded, and SignInEnded.
    """
    data = kept_submission.kept(submission)  # while nobody waits for the transaction: it may take a second
    with database.begin_at_once() as connection:
        return _keep(connection, submission, data, plan)


def _keep(connection: Connection, submission: Submission, data: bytes, plan: RepeatPlan) -> str:
    key = submission.idempotency
    reads = Together(connection)
    looked = reads.ask(insertion.look, [], by=submission.by)
    full = reads.ask(repeats.refuse_more_repeats, submission.program_id)
    now = from_millis(looked()[0])
    if key is not None:
        earlier = idempotency.take(connection, key.scope, key.key, key.fingerprint, None)
        if earlier is not None:
            return keys.answer_of(earlier, key)
    full()
    uid = _add(connection, submission, data, plan, now)
    if key is not None:
        idempotency.remember(connection, key.scope, key.key, uid)
    return uid


def _add(connection: Connection, submission: Submission, data: bytes, plan: RepeatPlan, now: datetime) -> str:
    # One that is to begin at the moment of a tick begins with it.
    send_at = submission.send_at
    begins = now if send_at is None or send_at <= now else _before(send_at)
    next_at = plan.next_after(begins)
    if next_at is None:
        raise ValueError("There is no tick of that rule before its end.")
    return repeats.add(
        connection,
        data,
        user_id=submission.user_id,
        program_id=submission.program_id,
        sender=format_address(submission.content.sender),
        subject=submission.content.subject,
        total=len(submission.recipients),
        next_at=next_at,
        **_columns(plan),
    )


def _before(moment: datetime) -> datetime:
    return from_millis(clock.to_millis(moment) - 1)


def _columns(plan: RepeatPlan) -> dict[str, Any]:
    hours = None if plan.hours is None else str(plan.hours)
    return {
        "rule": str(plan.rule),
        "zone": plan.zone,
        "hours": hours,
        "ends_at": plan.ends_at,
        "times": plan.times,
    }


def is_as_planned(repeat: Repeat, plan: RepeatPlan) -> bool:
    return all(getattr(repeat, name) == value for name, value in _columns(plan).items())


def change(connection: Connection, repeat: Repeat, plan: RepeatPlan, now: datetime | None = None) -> bool:
    """Has it tick by `plan` from now on. False: it is canceled by now. `now`: for who knows what the ledger's
    clock says.
    """
    next_at = plan.next_after(now or from_millis(clock.now(connection)))
    return repeats.change(connection, repeat, next_at, _columns(plan))


def resume(connection: Connection, repeat: Repeat, now: datetime | None = None) -> bool:
    """Ticks again, from now on. False: it is not paused any more. `now`: as in change().

    Raises ValueError as plan_of() does.
    """
    now = now or from_millis(clock.now(connection))
    return repeats.resume(connection, repeat, plan_of(repeat).next_after(now))


def submission_for(data: bytes, repeat: Repeat, tick: RepeatTick, hours: SendingHours | None) -> Submission:
    """What that tick sends. `data`: the submission as it is kept."""
    return replace(
        kept_submission.read(data),
        user_id=repeat.user_id,
        program_id=repeat.program_id,
        hours=hours,
        tick=tick,
    )


def send_now(database: Database, queue: Queue, repeat: Repeat, at: datetime | None = None) -> Accepted:
    """One mailing more, whatever its rule says. `at`: asked for then; once for each such time.

    Raises TickMade and TickNotDue, as `accept` does, and ValueError where its hours cannot be read.
    """
    with database.read() as connection:
        data = repeats.submission_of(connection, repeat.id)
    return accept(database, queue, submission_of_now(data, repeat, at))


def submission_of_now(data: bytes, repeat: Repeat, at: datetime | None = None) -> Submission:
    """The same, to be accepted. `data`: its submission as it is kept."""
    tick = RepeatTick(repeat.id, at or datetime.now(UTC), by_hand=True)
    return submission_for(data, repeat, tick, plan_of(repeat).hours)
