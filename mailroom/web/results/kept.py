"""Kept results: counted once for all who look, and again when something changed.

They are kept in the process, for a large mailing takes seconds to count and its page asks again each second.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import cast

from flask import Flask, current_app
from sqlalchemy import Connection

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.database.time_limit import TookTooLong
from mailroom.database.together import Together
from mailroom.engine.results.results import Results, results_of
from mailroom.ledger.deliveries.results import unsubscribed
from mailroom.ledger.mailings import mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.web.results.told import Told

MAILINGS_KEPT = 16

SHARE_OF_TIME = 10
"""Of a mailing that is being sent, counting takes no more than one second in so many."""

OUTDATED_SECONDS = 60
"""While it is not over: a second try may fail with other words, which no counter shows."""

KEPT_RESULTS = "mailroom.results"


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    results: Results | None = None
    of: Hashable = None  # how the mailing stood
    counted_at: float = 0.0
    took: float = 0.0
    gave_up_at: float = float("-inf")

    def serves(self, of: Hashable, is_over: bool) -> bool:
        if self.results is None:
            return False
        age = time.monotonic() - self.counted_at
        return (self.of == of and (is_over or age < OUTDATED_SECONDS)) or age < self.took * SHARE_OF_TIME


class KeptResults:
    """Of one application."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def of(self, mailing: Mailing, count: Callable[[], Results]) -> Results:
        """Raises TookTooLong. One thread counts; those that come meanwhile get what was counted before."""
        kept = self._find(mailing.id)
        of = _standing(mailing)
        if kept.results is not None and (kept.serves(of, mailing.is_over) or kept.lock.locked()):
            return kept.results
        with kept.lock:
            if kept.results is not None and kept.serves(of, mailing.is_over):
                return kept.results
            began = time.monotonic()
            if began - kept.gave_up_at < OUTDATED_SECONDS:  # or all who wait would try it in turn
                raise TookTooLong
            try:
                results = count()
            except TookTooLong:
                kept.gave_up_at = time.monotonic()
                raise
            kept.counted_at = time.monotonic()
            kept.results, kept.of, kept.took = results, of, kept.counted_at - began
            return results

    def _find(self, mailing_id: int) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(mailing_id, _Kept())
            self._kept.move_to_end(mailing_id)
            if len(self._kept) > MAILINGS_KEPT:
                self._kept.popitem(last=False)
            return kept


def told_of(connection: Connection, mailing: Mailing) -> Told:
    """Raises TookTooLong."""
    now = from_millis(clock.now(connection))
    results = _kept().of(mailing, partial(results_of, connection, mailing))
    return Told(mailing, results, unsubscribed(connection, mailing.id), now)


def told_at_once(database: Database, mailing_id: int) -> Told | None:
    """The same in few round trips, as long as nothing has to be counted. None: there is no such mailing."""

    with database.read_at_once() as connection:
        reads = Together(connection)
        found, now = reads.ask(mailings.get, mailing_id), reads.ask(clock.now)
        gone = reads.ask(unsubscribed, mailing_id)
        if (mailing := found()) is None:
            return None
        at, number = from_millis(now()), gone()
    return Told(mailing, _kept().of(mailing, partial(_counted, database, mailing)), number, at)


def _counted(database: Database, mailing: Mailing) -> Results:
    with database.read() as connection:
        return results_of(connection, mailing)


def _kept() -> KeptResults:
    return cast(KeptResults, current_app.extensions[KEPT_RESULTS])


def init_app(app: Flask) -> None:
    app.extensions[KEPT_RESULTS] = KeptResults()


def _standing(mailing: Mailing) -> Hashable:
    counts = tuple(sorted(mailing.counts.items()))
    return counts, mailing.complained, mailing.started_at, mailing.ended_at
