"""Planned mail of a month: mailings that wait for their time, ticks of repeats, ends of sending hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile

from sqlalchemy import Connection

from mailroom.database.together import Together
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.mailings import planned
from mailroom.ledger.mailings.planned import PlannedMailing
from mailroom.ledger.repeats import repeats
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.web.calendar.month import Month

MOST_MAILINGS, MOST_REPEATS, MOST_TICKS = 500, 100, 300
ONE_MILLISECOND = timedelta(milliseconds=1)
TICKS_OF_A_DAY = 3
"""Of a repeat; more are told as more."""


@dataclass(frozen=True, slots=True)
class PlannedMail:
    """One entry: of a mailing or a repeat. `more`: so it goes on ticking on that day."""

    at: datetime
    mailing: PlannedMailing | None = None
    repeat: Repeat | None = None
    is_end: bool = False  # of the sending hours of a mailing that is under way
    more: bool = False

    @property
    def subject(self) -> str:
        of = self.mailing or self.repeat
        return (of.subject if of else "") or "(no subject)"


def of_month(connection: Connection, month: Month) -> Mapping[date, Sequence[PlannedMail]]:
    """By day, on the clocks of the month's zone; each day's in their order."""
    reads = Together(connection)
    mailings = reads.ask(planned.between, month.begins_at, month.ends_at, MOST_MAILINGS)
    repeating = reads.ask(repeats.active, MOST_REPEATS)
    found = [*(PlannedMail(one.at, mailing=one, is_end=one.is_end) for one in mailings())]
    found += _ticks(repeating(), month)
    days: dict[date, list[PlannedMail]] = defaultdict(list)
    for one in sorted(found, key=lambda entry: entry.at):
        days[_day(one.at, month)].append(one)
    return days


def _ticks(repeating: Sequence[Repeat], month: Month) -> Iterator[PlannedMail]:
    for repeat in repeating:
        try:
            yield from _of_repeat(repeat, planning.plan_of(repeat), month)
        except ValueError:  # its zone is not known here: its page says so
            continue


def _of_repeat(repeat: Repeat, plan: RepeatPlan, month: Month) -> Iterator[PlannedMail]:
    assert repeat.next_at is not None
    if plan.times is not None:
        for at in planning.upcoming(repeat, MOST_TICKS):
            if month.begins_at <= at < month.ends_at:
                yield PlannedMail(at, repeat=repeat)
        return
    after = max(repeat.next_at, month.begins_at) - ONE_MILLISECOND
    while of_day := _first_of_a_day(plan, after, month):
        for at in of_day[:TICKS_OF_A_DAY]:
            yield PlannedMail(
                at, repeat=repeat, more=len(of_day) > TICKS_OF_A_DAY and at == of_day[TICKS_OF_A_DAY - 1]
            )
        after = month.end_of(_day(of_day[0], month)) - ONE_MILLISECOND


def _first_of_a_day(plan: RepeatPlan, after: datetime, month: Month) -> list[datetime]:
    """The first few ticks of the next day that has some. Empty: the month has none any more."""
    some = list(islice(takewhile(lambda at: at < month.ends_at, plan.ticks(after)), TICKS_OF_A_DAY + 1))
    return [at for at in some if _day(at, month) == _day(some[0], month)]


def _day(at: datetime, month: Month) -> date:
    return at.astimezone(month.zone).date()
