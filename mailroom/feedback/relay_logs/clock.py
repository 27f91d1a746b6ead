"""Times of a record, which often leave out the year and the time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
LOGS_AHEAD_BY = timedelta(days=1)
"""So far another machine's clock, or a wrong time zone, may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class LogClock:
    """`now`: what a time without a year is not behind. `zone`: of times that name none; None: our own."""

    now: datetime
    zone: tzinfo | None = None

    def moment(self, text: str) -> datetime | None:
        """Of `Nov 29 07:08:41`, ISO 8601 (also with a space or a comma in it), or seconds since 1970."""
        return _moment(self, text)


@lru_cache(maxsize=4)  # many lines of one second stand together
def _moment(clock: LogClock, text: str) -> datetime | None:
    try:
        if text[:3] in MONTHS:
            return _of_syslog(clock, text)
        if text.replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(text), UTC)
        return _in_zone(clock, datetime.fromisoformat(text.replace(",", ".")))
    except (ValueError, LookupError, OverflowError, OSError):
        return None


def _of_syslog(clock: LogClock, text: str) -> datetime | None:
    words = text.split()
    if len(words) == 4:  # Nov 29 2026 07:08:41
        words = [*words[:2], words[3], words[2]]
    hour, minute, second = (int(word) for word in words[2].split(":"))
    years = [int(words[3])] if len(words) == 4 else [clock.now.year + more for more in (1, 0, -1, -2, -3, -4)]
    for year in years:
        try:
            day = datetime(
                year, MONTHS[words[0]], int(words[1]), hour, minute, min(second, 59), tzinfo=clock.zone
            )
        except ValueError:
            continue  # the 29th of February, of another year
        if (moment := _in_zone(clock, day)) <= clock.now + LOGS_AHEAD_BY:
            return moment
    return None


def _in_zone(clock: LogClock, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.zone)  # still none: what follows takes it as this machine's
    return moment.astimezone(UTC)
