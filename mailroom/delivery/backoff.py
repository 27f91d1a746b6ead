"""When to try again after a temporary failure."""

from __future__ import annotations

import random

from mailroom.delivery.reply import Reply

SCHEDULE = (60.0, 300.0, 900.0, 3600.0)
"""Seconds to wait after the first, second, ... attempt."""

THEN = 4 * 3600.0
"""Seconds to wait after every later one (RFC 5321, 4.5.4.1: at least 30 minutes, then 2-3 hours or more)."""

JITTER = 0.1
"""So that mails that failed together do not all come back at the same moment."""


def delay(attempts: int, reply: Reply | None = None) -> float:
    """Seconds until the next try after `attempts` of them (1 or more)."""
    if reply is not None and reply.retry_after is not None:
        return max(1.0, reply.retry_after) * random.uniform(1, 1 + JITTER)
    base = SCHEDULE[attempts - 1] if attempts <= len(SCHEDULE) else THEN
    return base * random.uniform(1 - JITTER, 1 + JITTER)
