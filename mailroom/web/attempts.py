"""How often a password may be tried: attempts are counted in Redis or, while it is away, here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from flask import Flask, current_app
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from mailroom.ledger.users import key
from mailroom.queue.connection import connect

Counter = FixedWindowRateLimiter

FROM_ONE_ADDRESS = parse("10/minute")
ON_ONE_ACCOUNT = parse("30/hour")


class Attempts:
    """Attempts to sign in, by where they come from and by account."""

    def __init__(self, redis_url: str) -> None:
        # The address only names the kind of storage; the pool knows the way and the timeouts.
        kind = "redis+unix:///" if redis_url.startswith("unix:") else "redis://"
        pool = connect(redis_url).connection_pool
        shared = RedisStorage(kind, connection_pool=pool, key_prefix="mailroom", wrap_exceptions=True)
        self._counters = [FixedWindowRateLimiter(shared), FixedWindowRateLimiter(MemoryStorage())]

    def begin(self, address: str, email: str) -> int:
        """Counts an attempt; 0, or the seconds to wait when it is one too many.

        It is counted before the password is looked at: a hundred at once are a hundred.
        """

        def take(counter: Counter) -> int:
            over = [(limit, name) for limit, name in _keys(address, email) if not counter.hit(limit, name)]
            now = time.time()
            waits = [counter.get_window_stats(limit, name).reset_time - now for limit, name in over]
            return max(1, round(max(waits))) if waits else 0

        return self._with_counter(take)

    def succeeded(self, email: str) -> None:
        """Who knows the password has not been guessing: the account's count starts anew."""

        def forget(counter: Counter) -> int:
            counter.clear(ON_ONE_ACCOUNT, _account(email))
            return 0

        self._with_counter(forget)

    def _with_counter(self, action: Callable[[Counter], int]) -> int:
        shared, own = self._counters
        try:
            return action(shared)
        except StorageError:
            return action(own)


def _keys(address: str, email: str) -> list[tuple[RateLimitItem, str]]:
    return [(FROM_ONE_ADDRESS, f"address:{address}"), (ON_ONE_ACCOUNT, _account(email))]


def _account(email: str) -> str:
    return f"account:{key(email)[:320]}"


def init_app(app: Flask, redis_url: str) -> None:
    app.extensions["mailroom.attempts"] = Attempts(redis_url)


def attempts() -> Attempts:
    return cast(Attempts, current_app.extensions["mailroom.attempts"])
