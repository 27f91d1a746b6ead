"""How often a password may be tried: failures are counted in Redis or, while it is away, here."""

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
    """Failed attempts to sign in, by where they come from and by account."""

    def __init__(self, redis_url: str) -> None:
        # The address only names the kind of storage; the pool knows the way and the timeouts.
        kind = "redis+unix:///" if redis_url.startswith("unix:") else "redis://"
        pool = connect(redis_url).connection_pool
        shared = RedisStorage(kind, connection_pool=pool, key_prefix="mailroom", wrap_exceptions=True)
        self._counters = [FixedWindowRateLimiter(shared), FixedWindowRateLimiter(MemoryStorage())]

    def seconds_to_wait(self, address: str, email: str) -> int:
        """0 when another attempt is allowed."""

        def ask(counter: Counter) -> int:
            for limit, name in _keys(address, email):
                if not counter.test(limit, name):
                    return max(1, round(counter.get_window_stats(limit, name).reset_time - time.time()))
            return 0

        return self._with_counter(ask)

    def failed(self, address: str, email: str) -> None:
        def count(counter: Counter) -> int:
            return sum(counter.hit(limit, name) for limit, name in _keys(address, email))

        self._with_counter(count)

    def _with_counter(self, action: Callable[[Counter], int]) -> int:
        shared, own = self._counters
        try:
            return action(shared)
        except StorageError:
            return action(own)


def _keys(address: str, email: str) -> list[tuple[RateLimitItem, str]]:
    return [(FROM_ONE_ADDRESS, f"address:{address}"), (ON_ONE_ACCOUNT, f"account:{key(email)[:320]}")]


def init_app(app: Flask, redis_url: str) -> None:
    app.extensions["mailroom.attempts"] = Attempts(redis_url)


def attempts() -> Attempts:
    return cast(Attempts, current_app.extensions["mailroom.attempts"])
