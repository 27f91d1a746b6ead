"""Planned mail of a month: mailings that wait for their time, ticks of repeats, ends of sending hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from mailroom.content.schedule.zones import zone_named
from mailroom.database.together import Together
from mailroom.engine.repeats import planning
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.mailings import planned
from mailroom.ledger.mailings.planned import PlannedMailing
from mailroom.ledger.repeats import repeats
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.web.calendar.month import Month

MOST_MAILINGS, MOST_REPEATS = 500, 100
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
    if repeat.next_at >= month.ends_at:
        return
    for _, of_day in groupby(_first_of_days(repeat.next_at, plan, month), lambda at: _day(at, month)):
        *first, last = (found := list(of_day))[:TICKS_OF_A_DAY]
        yield from (PlannedMail(at, repeat=repeat) for at in first)
        yield PlannedMail(last, repeat=repeat, more=len(found) > TICKS_OF_A_DAY)


def _first_of_days(next_at: datetime, plan: RepeatPlan, month: Month) -> Iterator[datetime]:
    """The first few ticks of each day of the month, and one more where there are more."""
    last = month.ends_at - ONE_MILLISECOND
    if plan.times is not None:
        last = min(last, plan.rule.last_of(next_at, plan.times, zone_named(plan.zone), last))
    endless = replace(plan, times=None)
    ticks, number, day = endless.ticks(max(next_at, month.begins_at) - ONE_MILLISECOND), 0, None
    while (at := next(ticks, None)) is not None and at <= last:
        number, day = number + 1 if _day(at, month) == day else 1, _day(at, month)
        yield at
        if number > TICKS_OF_A_DAY:
            ticks = endless.ticks(month.end_of(day) - ONE_MILLISECOND)


def _day(at: datetime, month: Month) -> date:
    return at.astimezone(month.zone).date()
