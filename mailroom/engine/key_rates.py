"""Rate limiter of API keys: counted in Redis for all processes or, while it is away, in this one.

The API counts requests, SMTP submission messages: one is the other's `POST /emails`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage

from mailroom.ledger.people.api_keys import ApiKey
from mailroom.queue.counters import counters

REDIS_LEFT_ALONE = 15.0
"""Seconds for which a Redis that did not answer is not asked again: a hung one costs a second."""

SHARES = 200
"""Into so many parts a limit is cut."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands in the present window."""

    limit: int
    used: int
    seconds_left: int

    @property
    def is_over(self) -> bool:
        """Whether what was just counted was one too many."""
        return self.used > self.limit


@dataclass(slots=True)
class Share:
    """Requests of one window that this process has counted in Redis already, and not yet made."""

    window: str
    total: int
    left: int


class Rates:
    """Fixed-window counter of requests; windows begin at full seconds, minutes or hours.

    A process counts a share of a large limit at once, so that Redis is asked once in so
    many requests; what a share is not used up for is at most half a percent of the limit.
    """

    def __init__(self, redis_url: str) -> None:
        self._shared = counters(redis_url)
        self._own = MemoryStorage()
        self._shares: dict[int, Share] = {}
        self._asked_again_at = 0.0

    def hit(self, key: ApiKey) -> Standing:
        """Counts one request."""
        limit = _limit(key.rate)
        seconds, now = limit.get_expiry(), time.time()
        window = int(now // seconds)
        name = f"api:{key.id}:{seconds}:{window}"
        share = self._shares.get(key.id)
        if share is None or share.window != name or share.left < 1:
            size = max(1, limit.amount // SHARES)
            share = self._shares[key.id] = Share(name, self._count(name, seconds, size), size)
        share.left -= 1
        used = share.total - share.left
        return Standing(limit.amount, used, max(1, ceil((window + 1) * seconds - now)))

    def _count(self, name: str, seconds: int, size: int) -> int:
        if time.monotonic() >= self._asked_again_at:
            try:
                return self._shared.incr(name, seconds, amount=size)
            except StorageError:
                self._asked_again_at = time.monotonic() + REDIS_LEFT_ALONE
        return self._own.incr(name, seconds, amount=size)


@lru_cache(256)
def _limit(rate: str) -> RateLimitItem:
    return parse(rate)
