"""The sweeper: gathers what is due, and brings back what was lost.

Every step is a short transaction of its own, and harmless when two sweepers do it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import structlog
from sqlalchemy import Connection

from mailroom import supervision
from mailroom.database.engine import Database
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine import enqueue, hours_watch
from mailroom.engine.feedback import taking
from mailroom.engine.feedback.rules import DEFAULT_RULES, FeedbackRules
from mailroom.engine.hold import HoldWatch
from mailroom.engine.repeats.repeat_clock import RepeatClock
from mailroom.engine.send.batch_sender import JOB_WORKS_FOR
from mailroom.ledger.batches import batches, gather
from mailroom.ledger.deliveries import actions, bulk_actions
from mailroom.ledger.drafts import room
from mailroom.ledger.mailings import idempotency, staging, sums
from mailroom.ledger.relays import circuit, rates
from mailroom.ledger.sweep import due_mailings, reap, rounds
from mailroom.queue import BULK, URGENT, BatchId, Queue, QueueDown

log = structlog.get_logger()

LOOKED_FOR_AFTER_MS = 10_000
"""A batch enqueued longer ago than this and not claimed is looked for in RQ."""

CLAIMED_WITHIN = 60.0
"""Seconds in which a worker that has a batch's job claims the batch; later it is enqueued once more, which
is harmless: one claims it."""

DRAFTS_LOOKED_AT_EVERY = 60.0
"""Seconds between two looks at how old drafts are."""

SUMS_FOR = 0.1
"""Seconds of a round in which full blocks of mailings are added up that never were."""

ENDS_FOR = 0.3
"""Seconds of a round for each of what was canceled, what people decided and what was given up: the rest
of a large mailing has its turn in the next ones."""

BACKLOG = 100
"""How many mailings one round looks at."""


class Sweeper:
    """A thread that sweeps about once a second until it is stopped."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        name: str,
        routes: Mapping[str, str] | None = None,
        hold: HoldWatch | None = None,
        rules: FeedbackRules = DEFAULT_RULES,
        repeats: RepeatClock | None = None,
    ) -> None:
        """`routes`: the server's name of each route; what cannot go there is not gathered."""
        self._repeats = repeats
        self._hold = hold or HoldWatch(database)
        self._rules = rules
        self._database = database
        self._queue = queue
        self._name = name
        self._routes = routes or {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._unclaimed: dict[BatchId, float] = {}  # since when (monotonic)
        self._drafts_seen = -DRAFTS_LOOKED_AT_EVERY

    def start(self) -> None:
        self._thread = supervision.beside("the sweeper", self._run)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._stopped.wait(rounds.EVERY_MS / 1000):
            with supervision.attempt("the sweeper", *LEDGER_AWAY, QueueDown):
                self.round()

    def round(self) -> bool:
        """One round, if it is this sweeper's turn."""
        began = time.monotonic()
        self._hold.look()
        with self._database.begin() as connection:
            turn = rounds.take(connection, self._name)
        if turn is None:
            return False
        if turn.clock_set_ms:
            log.warning(
                "the ledger's clock was set, or the machine slept: nothing expires by that",
                ahead_by_seconds=round(turn.clock_set_ms / 1000),
            )
        for step in self._steps():
            with _apart():
                step()
        with self._database.begin() as connection:
            rounds.took(connection, self._name, round((time.monotonic() - began) * 1000))
        return True

    def _steps(self) -> Iterator[Callable[[], None]]:
        yield from (self._reap, self._start_scheduled, self._keep_hours, self._end_stopped, self._carry_on)
        if not self._hold.is_on:
            yield from (lambda: self._gather(URGENT), lambda: self._gather(BULK))
        yield from (self._drop_abandoned, self._forget_old_keys, self._drop_old_drafts, self._add_up)
        yield from (self._look_again, self._look_at_repeats)
        yield self._find_forgotten  # last: while Redis is away it ends the round

    def _reap(self) -> None:
        with self._database.read() as connection:
            expired = reap.expired(connection)
        for batch_id in expired:
            with _apart(), self._database.begin() as connection:
                if reap.reap(connection, batch_id):
                    log.warning("a worker died or was too slow; its batch goes back", batch=batch_id)

    def _start_scheduled(self) -> None:
        with self._database.read() as connection:
            is_time = due_mailings.scheduled_are_due(connection)
        if is_time:
            with self._database.begin() as connection:
                due_mailings.start_scheduled(connection)

    def _keep_hours(self) -> None:
        hours_watch.keep_hours(self._database, BACKLOG, _apart)

    def _look_at_repeats(self) -> None:
        if self._repeats is not None:
            with self._database.read() as connection:
                self._repeats.look(connection)

    def _end_stopped(self) -> None:
        """Ends what waits of canceled mailings and of those whose time is over."""
        with self._database.read() as connection:
            stopped = due_mailings.to_be_ended(connection, BACKLOG)
        until = time.monotonic() + ENDS_FOR
        for mailing_id, state in stopped:
            is_over = False
            while not is_over and time.monotonic() < until:
                is_over = True  # for this round, should it fail
                with _apart(), self._database.begin() as connection:
                    is_over = actions.end_due(connection, mailing_id, state) < actions.ENDED_AT_ONCE

    def _carry_on(self) -> None:
        """What people decided for all deliveries of a large mailing: some more of it."""
        with self._database.read() as connection:
            decided = bulk_actions.under_way(connection, BACKLOG)
        until = time.monotonic() + ENDS_FOR
        for decision in decided:
            goes_on = True
            while goes_on and time.monotonic() < until:
                goes_on = False  # for this round, should it fail
                with _apart(), self._database.begin() as connection:
                    goes_on = bulk_actions.carry_on(connection, decision.mailing_id, decision.move)

    def _gather(self, queue: str) -> None:
        with self._database.read() as connection:
            room = gather.READY - gather.unclaimed(connection, queue)
            due = due_mailings.due(connection, queue, BACKLOG, self._shut(connection)) if room > 0 else []
        for mailing_id in due:
            with _apart():
                with self._database.begin() as connection:
                    gathered = gather.gather(connection, mailing_id, max(1, room // len(due)))
                enqueue.onto(self._queue, gathered)

    def _shut(self, connection: Connection) -> list[str]:
        """The routes to a server that is left alone, or has no place for a mail within a job's time."""
        shut = circuit.closed(connection) | rates.far(connection, round(JOB_WORKS_FOR * 1000))
        return [route for route, server in self._routes.items() if server in shut]

    def _look_again(self) -> None:
        taking.look_again(self._database, self._rules)

    def _find_forgotten(self) -> None:
        with self._database.read() as connection:
            forgotten = batches.forgotten(connection, LOOKED_FOR_AFTER_MS)
        if not forgotten:
            return
        missing = set(self._missing([(batch.id, batch.epoch) for batch in forgotten]))
        lost = [batch for batch in forgotten if (batch.id, batch.epoch) in missing]
        if lost:
            log.warning("batches were lost from the queue; they are enqueued again", batches=len(lost))
        if enqueue.onto(self._queue, lost, again=True):
            with self._database.begin() as connection:
                batches.looked_for(connection, [batch.id for batch in forgotten])

    def _missing(self, unclaimed: list[BatchId]) -> list[BatchId]:
        now = time.monotonic()
        overdue = {batch for batch in unclaimed if now - self._unclaimed.get(batch, now) >= CLAIMED_WITHIN}
        # What is not looked for now was so a few seconds ago, and will be again.
        self._unclaimed = {
            **{batch: since for batch, since in self._unclaimed.items() if now - since < 2 * CLAIMED_WITHIN},
            **{batch: self._unclaimed.get(batch, now) for batch in unclaimed},
        }
        return self._queue.missing(unclaimed, overdue)

    def _drop_abandoned(self) -> None:
        with self._database.read() as connection:
            abandoned = staging.abandoned(connection)
        if abandoned is None:
            return
        with self._database.begin() as connection:
            # As for batches: before this statement we may have stood still for an hour.
            is_over = not staging.give_up(connection, abandoned, ~rounds.is_late())
        until = time.monotonic() + ENDS_FOR
        while not is_over and time.monotonic() < until:
            with self._database.begin() as connection:
                is_over = staging.drop(connection, abandoned)

    def _forget_old_keys(self) -> None:
        with self._database.read() as connection:
            has_old = idempotency.has_old(connection)
        if has_old:
            with self._database.begin() as connection:
                idempotency.forget_old(connection)

    def _drop_old_drafts(self) -> None:
        """Seldom: each row is read for that."""
        if time.monotonic() - self._drafts_seen < DRAFTS_LOOKED_AT_EVERY:
            return
        self._drafts_seen = time.monotonic()
        with self._database.read() as connection:
            has_old = room.has_old(connection)
        if has_old:
            with self._database.begin() as connection:
                room.drop_old(connection)

    def _add_up(self) -> None:
        """Blocks of mailings, for who asks how many there are of everything."""
        until = time.monotonic() + SUMS_FOR
        while time.monotonic() < until:
            with self._database.read() as connection:
                block = sums.next_block(connection)
                added = None if block is None else sums.add_up(connection, block)
            if block is None or added is None:
                return
            with self._database.begin_unflushed() as connection:
                sums.keep(connection, block, added)


def _apart() -> AbstractContextManager[None]:
    """One mailing, batch or kind of work that nothing can be done with holds up no other one."""
    return supervision.step("a part of a sweep", *LEDGER_AWAY, QueueDown)
