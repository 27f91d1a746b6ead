"""Ticking: a repeat whose time has come makes a mailing, once, whoever dies in between.

The tick is written with its mailing (ledger/repeats/ticks.py), and then the repeat goes on to its next one. A
death between the two leaves it due: the next round finds the tick made, and only goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, takewhile
from typing import NamedTuple

import structlog

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import RepeatTick, StillUnderWay, TickMade, TickNotDue
from mailroom.engine.repeats.planning import RepeatPlan, plan_of, submission_for
from mailroom.ledger.repeats import repeats, ticks
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.queue import Queue

log = structlog.get_logger()

GRACE = timedelta(hours=12)
"""So late a tick still makes its mailing, when everything was down."""

MISSED_TOLD = 100
"""Missed ticks of a repeat that are noted one by one."""

TICK_MISSED = "Missed: nothing was running at its time, and it is more than 12 hours ago."
TICK_LEFT_OUT = "Left out: nothing was running at its time, and a later one was due by then."


class DueTicks(NamedTuple):
    """The newest tick that is due, and those before it; and the first that is to come."""

    newest: datetime
    others: list[datetime]
    next_at: datetime | None


def tick_all(database: Database, queue: Queue, most: int = 100) -> int:
    """Makes the mailings of what is due; how many repeats were looked at. Raises the last failure."""
    with database.read() as connection:
        due, now = repeats.due(connection, most), from_millis(clock.now(connection))
    failure: Exception | None = None
    for repeat in due:
        try:
            _tick(database, queue, repeat, now)
        except Exception as error:  # one repeat keeps no other from its tick
            failure = error
    if failure is not None:
        raise failure
    return len(due)


def _tick(database: Database, queue: Queue, repeat: Repeat, now: datetime) -> None:
    assert repeat.next_at is not None
    try:
        plan = plan_of(repeat)
        found = due_ticks(plan, repeat.next_at, now)
        is_late = now - found.newest > GRACE
        is_made = not is_late and _submit(database, queue, repeat, plan, found.newest)
    except (StillUnderWay, TickNotDue):
        return
    except LEDGER_AWAY:
        raise
    except Exception as error:
        _give_up(database, repeat, now, error)
        return
    with database.begin() as connection:
        missed = {
            **dict.fromkeys(found.others, TICK_LEFT_OUT),
            **({found.newest: TICK_MISSED} if is_late else {}),
        }
        ticks.let_go(connection, repeat.id, missed)
        ticks.advance(connection, repeat.id, found.newest, found.next_at, is_made=is_made)


def due_ticks(plan: RepeatPlan, first: datetime, now: datetime) -> DueTicks:
    """Of a plan whose next tick was to be `first`, which is not later than `now`."""
    unending = RepeatPlan(plan.rule, plan.zone, ends_at=plan.ends_at)
    if (recent := now - GRACE) > first:
        # All ticks of a year, every minute, would take a minute: of those long past the first ones are told.
        long_past = list(takewhile(lambda at: at <= recent, _some(first, unending)))
        late = takewhile(lambda at: at <= now, unending.ticks(recent))
    else:
        long_past = []
        late = takewhile(lambda at: at <= now, chain([first], unending.ticks(first)))
    due = [*long_past, *late]
    return DueTicks(due[-1], due[-1 - MISSED_TOLD : -1], unending.next_after(now))


def _some(first: datetime, plan: RepeatPlan) -> Iterator[datetime]:
    yield first
    for number, at in enumerate(plan.ticks(first)):
        if number == MISSED_TOLD:
            return
        yield at


def _submit(database: Database, queue: Queue, repeat: Repeat, plan: RepeatPlan, at: datetime) -> bool:
    """Raises StillUnderWay, TickNotDue; what else it raises is the submission's or our own fault."""
    with database.read() as connection:
        data = repeats.submission_of(connection, repeat.id)
    try:
        accepted = accept(
            database, queue, submission_for(data, repeat, RepeatTick(repeat.id, at), plan.hours)
        )
    except TickMade:
        return True
    log.info("a repeat ticks", repeat=repeat.id, mailing=accepted.mailing_id, at=at.isoformat())
    return True


def _give_up(database: Database, repeat: Repeat, now: datetime, error: Exception) -> None:
    """It pauses, and says why; a person looks."""
    log.exception("a repeat cannot make its mailing, and pauses", repeat=repeat.id)
    why = (
        str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: the worker's log says more"
    )
    with database.begin() as connection:
        assert repeat.next_at is not None
        repeats.pause(connection, repeat, why)
        ticks.let_go(connection, repeat.id, {repeat.next_at: f"It could not be made: {why}"})
