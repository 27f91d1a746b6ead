"""Rate limits of signing in: how often a password may be tried, counted in Redis or, while it is away, here.

Guesses are few, and nobody is locked out by another's. Three counts stand before a browser that nobody knows:
of its address, of its address and the account, of the account. The last one, which many addresses fill
together, slows down and never closes: some 750 guesses a day at one account. A browser in which that person
has given it before (known_browsers.py) passes by all three and has a count of its own.

Names are keyed hashes (HMAC): what is typed as an e-mail address may be anybody's, or a password.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from hashlib import sha256
from typing import cast

from flask import Flask, current_app
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import TimeoutError as RedisTimeout

from mailroom.ledger.people.users import key
from mailroom.proxies import source
from mailroom.queue.counters import counters
from mailroom.queue.queue import REST_AFTER_TIMEOUT
from mailroom.settings import Settings

Counter = FixedWindowRateLimiter
Gate = tuple[tuple[RateLimitItem, ...], str]
"""Limits, one of which must have room, and the name that they count."""

FROM_ONE_ADDRESS = (parse("10/minute"),)
ON_ONE_ACCOUNT_FROM_ONE_ADDRESS = (parse("10/hour"),)
"""Fewer than the account has room for: one stranger alone slows down nobody."""
ON_ONE_ACCOUNT = (parse("30 per 2 hour"), parse("1 per 4 minute"))
"""At once, and then one after the other: in a day at most 13 x 30 + 361."""
IN_A_KNOWN_BROWSER = (parse("10 per 20 minute"),)


class Attempts:
    """Attempts to sign in: by where they come from, by account and by browser."""

    def __init__(self, settings: Settings) -> None:
        storages = counters(settings.redis_url), MemoryStorage()
        self._counters = [FixedWindowRateLimiter(storage) for storage in storages]
        self._key = hmac.digest(settings.secret_key.encode(), b"attempts to sign in", sha256)
        self._resting_until = 0.0

    def begin(self, address: str, email: str, browser: str = "") -> int:
        """Counts an attempt; 0, or the seconds to wait when it is one too many. `browser`: a known one.

        It is counted before the password is looked at: a hundred at once are a hundred. What one gate
        refuses, the next one never hears of: it was no guess.
        """
        gates = self._gates(address, email, browser)
        return self._with_counter(lambda counter: next(filter(None, (_pass(counter, g) for g in gates)), 0))

    def succeeded(self, email: str, address: str = "", browser: str = "") -> None:
        """Who knows the password has not been guessing: what was counted for the account starts anew."""

        def forget(counter: Counter) -> int:
            for limits, name in self._gates(address, email, browser):
                for limit in limits if limits is not FROM_ONE_ADDRESS else ():
                    counter.clear(limit, name)
            return 0

        self._with_counter(forget)

    def count(self, limits: tuple[RateLimitItem, ...], kind: str, *words: str) -> int:
        """Counts something else of which there are to be few; 0, or the seconds to wait."""
        gate = limits, self.name(kind, *words)
        return self._with_counter(lambda counter: _pass(counter, gate))

    def name(self, kind: str, *words: str) -> str:
        return hmac.new(self._key, "\0".join((kind, *words)).encode("utf-8", "replace"), sha256).hexdigest()

    def account(self, email: str) -> str:
        """The same for every spelling; whether there is such an account makes no difference."""
        return self.name("account", key(email))

    def _gates(self, address: str, email: str, browser: str) -> list[Gate]:
        place, account = source(address), self.account(email)
        if browser:
            return [(IN_A_KNOWN_BROWSER, self.name("browser", browser, account))]
        return [
            (FROM_ONE_ADDRESS, self.name("address", place)),
            (ON_ONE_ACCOUNT_FROM_ONE_ADDRESS, self.name("both", place, account)),
            (ON_ONE_ACCOUNT, account),
        ]

    def _with_counter(self, action: Callable[[Counter], int]) -> int:
        shared, own = self._counters
        if time.monotonic() < self._resting_until:
            return action(own)
        try:
            return action(shared)
        except StorageError as error:
            # A hung Redis is waited for once, not at each step of a sign-in.
            if _is_a_timeout(error):
                self._resting_until = time.monotonic() + REST_AFTER_TIMEOUT
            return action(own)


def _is_a_timeout(error: Exception) -> bool:
    while isinstance(error, StorageError):  # what calls itself is wrapped more than once
        error = error.storage_error
    return isinstance(error, RedisTimeout)


def _pass(counter: Counter, gate: Gate) -> int:
    """0, or the seconds until it opens."""
    limits, name = gate
    passed = [counter.hit(limit, name) for limit in limits]  # each of them counts it
    if any(passed):
        return 0
    opens = min(counter.get_window_stats(limit, name).reset_time for limit in limits)
    return max(1, round(opens - time.time()))


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["mailroom.attempts"] = Attempts(settings)


def attempts() -> Attempts:
    return cast(Attempts, current_app.extensions["mailroom.attempts"])
