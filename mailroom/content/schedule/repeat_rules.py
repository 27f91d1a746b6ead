"""Rules of repeats: weekly, monthly or cron, on the clocks of a time zone.

Written like "weekly mon,thu 09:00", "monthly 31 09:00" (of a shorter month its last day), "monthly last
09:00" or "cron 0 9 * * 1-5". What clocks on the wall show is what counts: each such time is one tick, across
changes of daylight saving too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from croniter import croniter
from croniter.croniter import CroniterError

from mailroom.content.schedule.sending_hours import (
    EVERY_DAY,
    WEEKDAY_NAMES,
    clock_time,
    days_in_words,
    days_named,
)
from mailroom.content.schedule.zones import at_wall

RULE_WORDS = "weekly mon,thu 09:00, monthly 1 09:00 or cron 0 9 * * 1-5"
LONGEST_RULE = 200
"""Characters."""

LAST_DAY = 31
"""Of a month: in shorter ones it is their last."""

ONE_DAY = timedelta(days=1)
LAST_MINUTE = time(23, 59)
"""Of a day: no tick is later."""
MOST_DAYS_COUNTED = 400
"""On which it ticks."""

YEARS_BETWEEN = 9
"""Ticks of a rule: from one 29 February to the next there may be eight years."""

_weekly = re.compile(r"(?:weekly\s+(\S[^\d]*?)|daily)\s+([\d:]+)", re.ASCII | re.IGNORECASE).fullmatch
_monthly = re.compile(r"monthly\s+(\d{1,2}|last)\s+([\d:]+)", re.ASCII | re.IGNORECASE).fullmatch
_cron = re.compile(r"cron\s+((?:[\w*/,#-]{1,60}\s+){4}[\w*/,#-]{1,60})", re.ASCII | re.IGNORECASE).fullmatch
_cron_letters = re.compile(r"[a-z]+").findall
_CRON_NAMES = {
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    *("sun", "mon", "tue", "wed", "thu", "fri", "sat", "l"),
}

NextWall = Callable[[datetime], datetime]
"""The first time on the wall that is later than this one; neither names a zone."""


@dataclass(frozen=True, slots=True)
class RepeatRule:
    """`written`: as it is kept. `words`: for people, as in "Goes out every Monday at 09:00".

    `clock`: on each day on which it ticks at these times, in their order.
    """

    written: str
    words: str
    clock: Sequence[time]
    next_wall: NextWall

    def __str__(self) -> str:
        return self.written

    def ticks(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Its moments later than `after`, in UTC, in their order, without an end but the calendar's."""
        wall, last = after.astimezone(zone).replace(tzinfo=None), after
        while True:
            try:
                wall = self.next_wall(wall)
                moment = at_wall(wall, zone).moment
            except (OverflowError, ValueError, CroniterError):
                return
            if moment > last:
                last = moment
                yield moment

    def last_of(self, first: datetime, number: int, zone: ZoneInfo, until: datetime) -> datetime:
        """The last of so many ticks, of which `first` is one.

        Or one that is later than `until`, or the last of MOST_DAYS_COUNTED days. A day is counted at once,
        however often it ticks on it, unless the clocks change about then.
        """
        last, left, days = first, number - 1, 0
        while left and last <= until and days < MOST_DAYS_COUNTED:
            wall = last.astimezone(zone).replace(tzinfo=None)
            if not _is_calm(wall, zone):
                following = next(self.ticks(last, zone), None)
            elif times := self.clock[bisect_right(self.clock, wall.time()) :][:left]:
                last = at_wall(datetime.combine(wall, times[-1]), zone).moment
                left -= len(times)
                continue
            else:
                following = self._first_after(wall, zone)
            if following is None:
                break
            days += following.astimezone(zone).date() != wall.date()
            last, left = following, left - 1
        return last

    def _first_after(self, day: datetime, zone: ZoneInfo) -> datetime | None:
        try:
            return at_wall(self.next_wall(datetime.combine(day, LAST_MINUTE)), zone).moment
        except (OverflowError, ValueError, CroniterError):
            return None


def _is_calm(day: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks change neither then nor close to it."""
    noon = datetime.combine(day, time(12), zone)
    return (noon - ONE_DAY).utcoffset() == (noon + ONE_DAY).utcoffset()


def repeat_rule(written: str) -> RepeatRule:
    """Raises ValueError for people."""
    words = written.strip()
    if len(words) <= LONGEST_RULE:
        if found := _weekly(words):
            return _weekly_rule(days_named(found[1]) if found[1] else EVERY_DAY, clock_time(found[2]))
        if found := _monthly(words):
            return _monthly_rule(found[1].lower(), clock_time(found[2]))
        if found := _cron(words):
            return _cron_rule(" ".join(found[1].lower().split()))
    raise ValueError(f"Write a rule like {RULE_WORDS}.")


def _weekly_rule(days: frozenset[int], at: time) -> RepeatRule:
    def next_wall(after: datetime) -> datetime:
        return _first(after, at, (after.date() + timedelta(days=n) for n in range(8)), days.__contains__)

    if days == EVERY_DAY:
        return RepeatRule(f"daily {at:%H:%M}", f"every day at {at:%H:%M}", [at], next_wall)
    names = [WEEKDAY_NAMES[day] for day in sorted(days)]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return RepeatRule(
        f"weekly {days_in_words(days).lower()} {at:%H:%M}", f"every {listed} at {at:%H:%M}", [at], next_wall
    )


def _first(after: datetime, at: time, days: Iterator[date], is_chosen: Callable[[int], bool]) -> datetime:
    for day in days:
        if is_chosen(day.weekday()) and (wall := datetime.combine(day, at)) > after:
            return wall
    raise OverflowError("no such day")


def _monthly_rule(day: str, at: time) -> RepeatRule:
    number = LAST_DAY if day == "last" else int(day)
    if not 1 <= number <= LAST_DAY:
        raise ValueError("A month has days from 1 to 31; or write monthly last 09:00.")

    def next_wall(after: datetime) -> datetime:
        for step in count():
            year, month = divmod(after.year * 12 + after.month - 1 + step, 12)
            last = monthrange(year, month + 1)[1]
            wall = datetime.combine(date(year, month + 1, min(number, last)), at)
            if wall > after:
                return wall
        raise AssertionError

    if number == LAST_DAY:
        return RepeatRule(
            f"monthly last {at:%H:%M}", f"on the last day of each month at {at:%H:%M}", [at], next_wall
        )
    shorter = " (of a shorter month on its last)" if number > 28 else ""
    return RepeatRule(
        f"monthly {number} {at:%H:%M}",
        f"on day {number} of each month{shorter} at {at:%H:%M}",
        [at],
        next_wall,
    )


def _cron_rule(expression: str) -> RepeatRule:
    try:
        # Neither random nor hashed fields: a rule means the same each time that it is read.
        is_plain = set(_cron_letters(expression)) <= _CRON_NAMES
        if not is_plain or not croniter.is_valid(expression):
            raise ValueError
        parsed = croniter(expression, max_years_between_matches=YEARS_BETWEEN)
        minutes, hours = (_numbers(*field) for field in zip(parsed.expanded[:2], (60, 24), strict=True))
        clock = [time(hour, minute) for hour in hours for minute in minutes]
        rule = RepeatRule(f"cron {expression}", f"by cron: {expression}", clock, _next_by(parsed))
        rule.next_wall(datetime.now(UTC).replace(tzinfo=None))
    except (ValueError, CroniterError):
        raise ValueError(
            "That is no rule of cron, or one that never comes: its five fields are minute, hour, day, month "
            "and day of the week, like cron 0 9 * * 1-5."
        ) from None
    return rule


def _numbers(field: Sequence[int | str], below: int) -> Sequence[int]:
    return range(below) if "*" in field else sorted(map(int, field))


def _next_by(parsed: croniter) -> NextWall:
    def next_wall(after: datetime) -> datetime:
        found: datetime = copy(parsed).get_next(datetime, start_time=after)
        return found

    return next_wall
