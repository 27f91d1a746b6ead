"""scheduled_at: a moment in ISO 8601, or a few plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

WORDED_TIME_UNITS = {
    "second": "seconds",
    "sec": "seconds",
    "minute": "minutes",
    "min": "minutes",
    "hour": "hours",
    "hr": "hours",
    "day": "days",
    "week": "weeks",
}
FROM_NOW = re.compile(
    rf"in (an?|[0-9]{{1,5}}) ({'|'.join(WORDED_TIME_UNITS)})s?", re.ASCII | re.IGNORECASE
).fullmatch

LATEST = datetime(9999, 1, 1, tzinfo=UTC)

EXPECTED_TIME = "write a time like 2030-01-31T09:30:00Z, or words like “in 10 minutes”"


def moment(text: str) -> datetime:
    """The moment in UTC, where no time zone is given as well. Raises ValueError with a sentence.

    A moment that is over is allowed, and means now: a client's queue may have been slow.
    """
    words = text.strip()
    if match := FROM_NOW(words):
        number = 1 if match[1].lower() in ("a", "an") else int(match[1])
        return datetime.now(UTC) + timedelta(**{WORDED_TIME_UNITS[match[2].lower()]: number})
    try:
        found = datetime.fromisoformat(words.upper() if words[10:11] == "t" or words[-1:] == "z" else words)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"This is no time we can read: {EXPECTED_TIME}.") from None
    if found >= LATEST:
        raise ValueError("Nobody will be there to read it: choose a time before the year 9999.")
    return found
