"""A month as a calendar shows it: whole weeks from Monday on, on the clocks of a zone."""

from __future__ import annotations

import re
from calendar import Calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailroom.content.schedule.zones import at_wall

FIRST_YEAR, LAST_YEAR = 2000, 2199

_written = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Month:
    """One of a year."""

    year: int
    month: int
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"

    @property
    def words(self) -> str:
        return f"{date(self.year, self.month, 1):%B %Y}"

    @property
    def weeks(self) -> list[list[date]]:
        """Of the weeks of which a day is in it all days."""
        return Calendar().monthdatescalendar(self.year, self.month)

    @property
    def begins_at(self) -> datetime:
        return _midnight(self.weeks[0][0], self.zone)

    @property
    def ends_at(self) -> datetime:
        """What is at this moment is not in it."""
        return self.end_of(self.weeks[-1][-1])

    def end_of(self, day: date) -> datetime:
        return _midnight(day + timedelta(days=1), self.zone)

    def beside(self, step: int) -> Month | None:
        """The one so many months later. None: the calendar ends before."""
        year, month = divmod(self.year * 12 + self.month - 1 + step, 12)
        return Month(year, month + 1, self.zone) if FIRST_YEAR <= year <= LAST_YEAR else None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return at_wall(datetime.combine(day, time()), zone).moment


def month_of(day: date, zone: ZoneInfo) -> Month:
    return Month(day.year, day.month, zone)


def month_named(written: str, zone: ZoneInfo) -> Month | None:
    """2026-12. None: there is no such month."""
    found = _written(written)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        return None
    return Month(int(found[1]), int(found[2]), zone)
