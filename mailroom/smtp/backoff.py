"""Backoff: when to try again after a temporary failure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from mailroom.smtp.reply import Reply

BACKOFF_JITTER = 0.1
"""So that mails that failed together do not all come back at the same moment."""


def delay(attempts: int, waits: Sequence[timedelta], reply: Reply | None = None) -> float:
    """Seconds until the next try after `attempts` of them (1 or more); the last wait is repeated.

    What the server asks for counts more, and is never cut short.
    """
    if reply is not None and reply.retry_after is not None:
        return max(1.0, reply.retry_after) * random.uniform(1, 1 + BACKOFF_JITTER)
    wait = waits[min(attempts, len(waits)) - 1]
    return wait.total_seconds() * random.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER)
