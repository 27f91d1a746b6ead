"""Growth of a batch: more of its mailing is fetched while it is sent, so that no session has to wait for it.

To end a batch, and to gather, claim and read another, is some round trips, in which nothing is sent. Where a
statement takes no time it is a thousandth of a second, after which each session begins anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.database.sql import planner
from mailroom.engine.send.feed import Feed
from mailroom.http.aside import aside
from mailroom.ledger.batches import gather, growth
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery

FETCHED_BEFORE = 0.0625
"""Seconds of mail that are left when more is fetched: so long it may take, with others before us."""

LARGE_BATCH_TAKES = 0.25
"""Seconds for which a batch holds mail, as fast as it goes, where to begin one is some round trips: it is
given back as a whole, and while its worker is dead nobody else has it.
"""


class Growth:
    """Fetches for one lease. Belongs to one event loop.

    `may_grow`: whether its job goes on; `came` is called when the feed has more.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        feed: Feed,
        may_grow: Callable[[], bool],
        came: Callable[[], None],
    ) -> None:
        self._database = database
        self._is_remote = not database.is_sqlite
        self._lease = lease
        self._feed = feed
        self._may_grow = may_grow
        self._came = came
        self._began = time.monotonic()
        self._is_over = len(feed.messages) != 1
        self._is_due = True  # something of the mailing, as far as we know
        self._fetching: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What fetches, until its mails are in the feed."""
        return self._fetching

    def look(self, now: float) -> None:
        """Fetches if it is time to."""
        if self._is_over or self._fetching is not None or self._feed.is_closed:
            return
        pace = self._feed.taken / (now - self._began)
        if len(self._feed) > pace * FETCHED_BEFORE:
            return
        most = next_size(pace, is_remote=self._is_remote)
        room = growth.GROWN_SIZE - self._feed.size
        if not self._may_grow() or room < gather.SIZE:
            self._is_over = True
            return
        self._fetching = asyncio.create_task(self._fetch(min(most, room)))

    async def ended(self) -> None:
        """Returns when nothing is fetched any more: what is under way may come into the batch."""
        if self._fetching is not None:
            await self._fetching

    async def _fetch(self, most: int) -> None:
        rows: list[WaitingDelivery] = []  # of what was taken and is not known to be, too: it goes back
        with supervision.attempt("fetching more for a batch", *LEDGER_AWAY):
            # On SQLite at once, as marks and outcomes: a thread beside it would wait for the interpreter at
            # each statement, with the write lock in its hands.
            rows = await aside(partial(self._grow, most)) if self._is_remote else self._grow(most)
        self._fetching = None
        self._is_over = not rows
        if rows:
            self._feed.add(rows)
            self._came()

    def _grow(self, most: int) -> list[WaitingDelivery]:
        """Of what is due; once nothing is, of batches that wait, where that saves round trips."""
        (mailing_id,), after_id = self._feed.messages, self._feed.last_id
        if self._is_due:
            if rows := self._come(partial(growth.grow, mailing_id=mailing_id, after_id=after_id, most=most)):
                return rows
            self._is_due = False
        if not self._is_remote:
            return []
        return self._come(partial(growth.take_over, mailing_id=mailing_id, after_id=after_id))

    def _come(self, take: Callable[[Connection, Lease], growth.Came]) -> list[WaitingDelivery]:
        with self._database.begin_often() as connection:
            planner.keep_plans(connection)
            came = take(connection, self._lease)
        return [] if came is None else came()


def next_size(pace: float, *, is_remote: bool) -> int:
    """So many mails are fetched at once, at this pace (a second)."""
    most = gather.fetched_at_once(is_remote=is_remote)
    return min(most, max(gather.SIZE, round(pace * LARGE_BATCH_TAKES)))
