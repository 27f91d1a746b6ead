"""Sending hours: on which days and between which hours, on the clocks of a zone, mail may go.

Written like "Mon-Fri 09:00-17:00 Europe/Berlin". Hours that end before they begin end on the next day.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mailroom.content.schedule.zones import at_wall, zone_named

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY = frozenset(range(7))

HOURS_WORDS = "days and hours like Mon-Fri 9:00-17:00"
LONGEST_HOURS = 120
"""Characters, the zone's included."""

_SEEN_DAYS = 22
"""So far ahead there is a window, even of one that some day's change of the clocks swallows."""

_written = re.compile(r"(\S[^\d]*?)\s+([\d:]+)\s*[-–]\s*([\d:]+)(?:\s+(\S+))?", re.ASCII).fullmatch
_clock = re.compile(r"([01]?\d|2[0-4])(?::([0-5]\d))?", re.ASCII).fullmatch


class Window(NamedTuple):
    """When mail may go: from the first moment on, up to the second. UTC."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class SendingHours:
    """`days`: 0 is Monday. `opens`, `closes`: on the wall; at 00:00 the day ends."""

    days: frozenset[int]
    opens: time
    closes: time
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.words} {self.zone.key}"

    @property
    def words(self) -> str:
        """Without the zone."""
        closes = "24:00" if self.closes == time(0) else f"{self.closes:%H:%M}"
        return f"{days_in_words(self.days)} {self.opens:%H:%M}-{closes}"

    def window(self, moment: datetime) -> Window:
        """The one that `moment` is in, or the next one. Its start is never before `moment`."""
        for opens_at, closes_at in self._windows(moment):
            if moment < closes_at and opens_at < closes_at:
                return Window(max(moment, opens_at), closes_at)
        raise OverflowError("the calendar ends before there is a window")

    def is_open(self, moment: datetime) -> bool:
        return self.window(moment).opens_at == moment

    def _windows(self, moment: datetime) -> Iterator[Window]:
        first = moment.astimezone(self.zone).date() - timedelta(days=1)  # last night's may go on
        for number in range(_SEEN_DAYS):
            day = first + timedelta(days=number)
            if day.weekday() in self.days:
                yield self._of(day)

    def _of(self, day: date) -> Window:
        end = day if self.opens < self.closes else day + timedelta(days=1)
        opens, closes = datetime.combine(day, self.opens), datetime.combine(end, self.closes)
        return Window(at_wall(opens, self.zone).moment, at_wall(closes, self.zone).moment)


def sending_hours(written: str, zone: str = "") -> SendingHours:
    """`zone`: of hours that name none. Raises ValueError for people."""
    parts = _written(written.strip()) if len(written) <= LONGEST_HOURS else None
    if parts is None:
        raise ValueError(f"Write {HOURS_WORDS}.")
    days, opens, closes, named = parts.groups()
    if not (named or zone):
        raise ValueError(f"Say of which time zone: {written.strip()} Europe/Berlin.")
    return SendingHours(days_named(days), clock_time(opens), clock_time(closes), zone_named(named or zone))


def days_named(words: str) -> frozenset[int]:
    """Mon-Fri; Sat,Sun; Fri-Mon; Monday; daily. Raises ValueError for people."""
    if words.strip().lower() in ("daily", "every day"):
        return EVERY_DAY
    found = set[int]()
    for part in words.split(","):
        first, dash, last = part.replace("–", "-").partition("-")
        begin = _day(first)
        found |= {(begin + step) % 7 for step in range(((_day(last) if dash else begin) - begin) % 7 + 1)}
    return frozenset(found)


def _day(word: str) -> int:
    name = word.strip().lower()
    for number, day in enumerate(WEEKDAY_NAMES):
        if len(name) >= 3 and day.lower().startswith(name):
            return number
    raise ValueError(f"“{word.strip()[:20]}” is no day of the week: write {HOURS_WORDS}.")


def clock_time(word: str) -> time:
    """9, 09:00, 17:30, 24:00. Raises ValueError for people."""
    found = _clock(word)
    if found is None or (found[1] == "24" and found[2] not in (None, "00")):
        raise ValueError(f"“{word[:20]}” is no time of day: write it like 09:00.")
    return time(int(found[1]) % 24, int(found[2] or 0))


def days_in_words(days: Collection[int]) -> str:
    """Mon-Fri; Mon,Wed; daily."""
    if set(days) >= EVERY_DAY:
        return "daily"
    runs = groupby(enumerate(sorted(days)), lambda pair: pair[1] - pair[0])
    spans = ([day for _, day in run] for _, run in runs)
    return ",".join(
        WEEKDAYS[span[0]] if len(span) == 1 else f"{WEEKDAYS[span[0]]}-{WEEKDAYS[span[-1]]}" for span in spans
    )


def begins_at(hours: SendingHours | None, moment: datetime) -> datetime:
    """When what is ready at `moment` may go. UTC."""
    return moment if hours is None else hours.window(moment.astimezone(UTC)).opens_at
