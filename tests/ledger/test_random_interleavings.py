"""Whatever web, workers, sweeper, people and deaths do in whatever order: I1 to I6, and the counters."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, select

from mailroom.database.engine import Database
from mailroom.ledger import moves, states, suppressions
from mailroom.ledger.batches import growth
from mailroom.ledger.batches.batches import Lease
from mailroom.ledger.deliveries import actions, bulk_actions
from mailroom.ledger.mailings import canary, lifecycle
from mailroom.ledger.migrate import upgrade
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.sweep import due_mailings
from tests.ledger.book import Book

NOW = 0
LATER = 60_000
AT_ONCE = actions.MOVED_AT_ONCE
which = st.integers(0, 1_000)
HELD_BACK_STATES = (states.QUEUED, states.CANCELED, states.SUPPRESSED)


@dataclass
class Worker:
    """One that has a batch. `marked`: delivery id -> whether its final dot has left."""

    lease: Lease
    last_id: int  # of those that came into it
    marked: dict[int, bool] = field(default_factory=dict)


class Post(RuleBasedStateMachine):
    template: Path | None = None

    @initialize()
    def begin(self) -> None:
        if Post.template is None or not Post.template.exists():
            Post.template = Path(tempfile.mkdtemp()) / "template.db"
            upgrade(f"sqlite:///{Post.template}")
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(Post.template, self.folder / "mailroom.db")
        self.book = Book(Database(f"sqlite:///{self.folder / 'mailroom.db'}", durable=False))
        self.workers: list[Worker] = []
        self.mailings: list[int] = []
        self.policy: dict[int, str] = {}
        self.arrived: Counter[int] = Counter()  # copies in the imaginary sink
        self.doubts: Counter[int] = Counter()  # how often nobody could know whether it arrived
        self.confirmed: set[int] = set()
        self.again: Counter[int] = Counter()  # how often a person wanted it sent again
        self.held_back: set[int] = set()
        self.before: dict[int, str] = {}
        self.owners = 0
        actions.MOVED_AT_ONCE = 2  # so that a decision about all takes several steps

    # The web

    @precondition(lambda self: len(self.mailings) < 4)
    @rule(
        count=st.integers(1, 4),
        if_unknown=st.sampled_from(["resend", "hold", "evidence"]),
        first=st.integers(0, 4),
    )
    def accept(self, count: int, if_unknown: str, first: int) -> None:
        number = len(self.mailings)
        people = [f"p{number}-{person}@mail.example" for person in range(count)]
        mailing_id = self.book.accept(people, if_unknown=if_unknown, canary=first)
        self.mailings.append(mailing_id)
        if first:
            self.held_back |= set(self.ids_of(mailing_id)[first:])
        self.policy[mailing_id] = if_unknown

    # The workers

    @rule(which=which)
    def claim(self, which: int) -> None:
        waiting = self.book.waiting()
        if waiting:
            self.owners += 1
            lease = self.book.claim(waiting[which % len(waiting)], f"worker{self.owners}")
            self.workers.append(Worker(lease, max(self.book.inside(lease), default=0)))

    @precondition(lambda self: self.workers)
    @rule(which=which)
    def fetch_more(self, which: int) -> None:
        worker = self.worker(which)
        before = self.book.inside(worker.lease)
        mailing_ids = {self.book.delivery(one).mailing_id for one in before}
        if len(mailing_ids) != 1:
            return
        (mailing_id,) = mailing_ids
        with self.book.database.begin_at_once() as connection:
            came = growth.grow(connection, worker.lease, mailing_id, worker.last_id, most=2)
        ids = [row.id for row in came()] if came else []
        assert self.book.inside(worker.lease) == [*before, *ids]
        worker.last_id = max([worker.last_id, *ids])

    @precondition(lambda self: self.workers)
    @rule(which=which, whom=which)
    def mark(self, which: int, whom: int) -> None:
        worker = self.worker(which)
        inside = self.book.inside(worker.lease)
        if inside:
            delivery_id = inside[whom % len(inside)]
            if not self.book.mark(worker.lease, delivery_id):
                assert delivery_id not in worker.marked
                worker.marked[delivery_id] = False

    @precondition(lambda self: self.workers)
    @rule(which=which, whom=which)
    def send_the_dot(self, which: int, whom: int) -> None:
        worker = self.worker(which)
        ready = [delivery_id for delivery_id, dotted in worker.marked.items() if not dotted]
        if ready:
            delivery_id = ready[whom % len(ready)]
            worker.marked[delivery_id] = True
            self.arrived[delivery_id] += 1

    @precondition(lambda self: self.workers)
    @rule(which=which, reply=st.sampled_from(["sent", "lost"]))
    def hear_after_the_dot(self, which: int, reply: str) -> None:
        worker = self.worker(which)
        for delivery_id in [one for one, dotted in worker.marked.items() if dotted][:1]:
            del worker.marked[delivery_id]
            if reply == "sent":
                self.book.sent(worker.lease, delivery_id)
            else:
                self.doubts[delivery_id] += 1
                self.book.trouble(worker.lease, delivery_id, states.UNKNOWN, self.when_again(delivery_id))

    @precondition(lambda self: self.workers)
    @rule(which=which, state=st.sampled_from([states.DEFERRED, states.FAILED]))
    def hear_before_the_dot(self, which: int, state: states.State) -> None:
        worker = self.worker(which)
        undotted = [one for one, dotted in worker.marked.items() if not dotted]
        for delivery_id in (undotted or self.book.inside(worker.lease))[:1]:
            worker.marked.pop(delivery_id, None)
            due = LATER if state == states.DEFERRED else None
            self.book.trouble(worker.lease, delivery_id, state, due)

    @precondition(lambda self: self.workers)
    @rule(which=which)
    def close(self, which: int) -> None:
        worker = self.worker(which)
        if not worker.marked:
            self.book.close(worker.lease)
            self.workers.remove(worker)

    @precondition(lambda self: self.workers)
    @rule(which=which)
    def die(self, which: int) -> None:
        worker = self.worker(which)
        self.doubts.update(worker.marked.keys())
        self.workers.remove(worker)
        self.book.run_out(worker.lease)

    @precondition(lambda self: self.workers)
    @rule(which=which)
    def sleep_too_long(self, which: int) -> None:
        worker = self.worker(which)
        self.doubts.update(worker.marked.keys())
        self.book.run_out(worker.lease)

    # The sweeper

    @rule()
    def sweep(self) -> None:
        self.book.reap()
        self.end_stopped()
        self.carry_on()
        for mailing_id in self.mailings:
            self.book.gather(mailing_id)

    @precondition(lambda self: self.mailings)
    @rule(which=which)
    def wait(self, which: int) -> None:
        self.book.make_due(self.mailing(which))

    def end_stopped(self) -> None:
        with self.book.database.begin() as connection:
            for mailing_id, state in due_mailings.to_be_ended(connection, 100):
                actions.end_due(connection, mailing_id, state)

    def carry_on(self) -> None:
        with self.book.database.read() as connection:
            decided = bulk_actions.under_way(connection, 100)
        for decision in decided:
            with self.noting(decision.move) as connection:
                bulk_actions.carry_on(connection, decision.mailing_id, decision.move)

    # People

    @precondition(lambda self: self.mailings)
    @rule(which=which, act=st.sampled_from([lifecycle.pause, lifecycle.resume, lifecycle.cancel]))
    def decide(self, which: int, act: object) -> None:
        with self.book.database.begin() as connection:
            act(connection, self.mailing(which))  # type: ignore[operator]

    @precondition(lambda self: self.mailings)
    @rule(which=which)
    def release(self, which: int) -> None:
        mailing_id = self.mailing(which)
        with self.book.database.begin() as connection:
            if canary.release(connection, mailing_id):
                self.held_back -= set(self.ids_of(mailing_id))

    def ids_of(self, mailing_id: int) -> list[int]:
        mine = select(deliveries.c.id).where(deliveries.c.mailing_id == mailing_id)
        with self.book.database.read() as connection:
            return list(connection.execute(mine.order_by(deliveries.c.id)).scalars())

    @precondition(lambda self: self.mailings)
    @rule(which=which)
    def suppress(self, which: int) -> None:
        with self.book.database.begin() as connection:
            keys = connection.execute(select(deliveries.c.address_key)).scalars().all()
            suppressions.add(connection, [keys[which % len(keys)]])

    @precondition(lambda self: self.mailings)
    @rule(which=which, act=st.sampled_from(["cancel", "retry", "confirm", "again"]))
    def decide_on_one(self, which: int, act: str) -> None:
        verbs = {
            "cancel": moves.CANCEL,
            "retry": moves.RETRY,
            "confirm": moves.CONFIRM,
            "again": moves.RESEND,
        }
        with self.book.database.begin() as connection:
            ids = connection.execute(select(deliveries.c.id)).scalars().all()
            delivery_id = ids[which % len(ids)]
            done = actions.change(connection, delivery_id, verbs[act])
        if done:
            self.held_back.discard(delivery_id)
        if done and act == "confirm":
            self.confirmed.add(delivery_id)
        if done and act == "again":
            self.again[delivery_id] += 1

    @precondition(lambda self: self.mailings)
    @rule(
        which=which,
        move=st.sampled_from([bulk_actions.RETRY_ALL, bulk_actions.CONFIRM_ALL, bulk_actions.RESEND_ALL]),
    )
    def decide_on_all(self, which: int, move: str) -> None:
        with self.noting(move) as connection:
            bulk_actions.decide(connection, self.mailing(which), move)

    @contextmanager
    def noting(self, move: str) -> Iterator[Connection]:
        """A transaction that makes a step of a decision: whom it touches is told by what it changes."""
        what = select(deliveries.c.id, deliveries.c.state, deliveries.c.due_at)
        with self.book.database.begin() as connection:
            before = {row.id: row for row in connection.execute(what)}
            yield connection
            after = {row.id: row for row in connection.execute(what)}
        changed = [id_ for id_, row in after.items() if row != before[id_]]
        if move == bulk_actions.CONFIRM_ALL:
            self.confirmed.update(changed)
        if move == bulk_actions.RESEND_ALL:
            self.again.update(changed)

    # What holds at every moment

    @invariant()
    def everything_holds(self) -> None:
        if not hasattr(self, "book"):
            return
        self.book.check()
        statement = select(deliveries.c.id, deliveries.c.mailing_id, deliveries.c.state)
        with self.book.database.read() as connection:
            rows = connection.execute(statement).all()
        for delivery_id, mailing_id, state in rows:
            copies, before = self.arrived[delivery_id], self.before.get(delivery_id, state)
            story = f"delivery {delivery_id}: {before} -> {state}, {copies} copies"
            if delivery_id in self.held_back:
                assert state in HELD_BACK_STATES and not copies, f"let go by nobody: {story}"
            if state == states.SENT:
                assert copies or delivery_id in self.confirmed, f"I5: {story}"
            if state in (states.SUPPRESSED, states.CANCELED, states.FAILED, states.EXPIRED, states.QUEUED):
                assert not copies, f"I6: {story}"
            allowed = self.doubts[delivery_id] if self.policy[mailing_id] != "hold" else 0
            assert copies <= 1 + min(allowed, 1) + self.again[delivery_id], f"I3: {story}"
            if before == states.UNKNOWN:
                assert state in (states.UNKNOWN, states.SENDING, states.SENT), story
            if before == states.SENT:
                assert state == states.SENT, story
            self.before[delivery_id] = state

    def teardown(self) -> None:
        """Everybody dies, and one last worker finishes: nothing is stuck."""
        if not hasattr(self, "book"):
            return
        for worker in self.workers:
            self.doubts.update(worker.marked.keys())
            self.book.run_out(worker.lease)
        for mailing_id in self.mailings:
            with self.book.database.begin() as connection:
                lifecycle.resume(connection, mailing_id)
                canary.release(connection, mailing_id)
        self.held_back.clear()
        for _ in range(12):
            for mailing_id in self.mailings:
                self.book.make_due(mailing_id)
            self.sweep()
            for batch in self.book.waiting():
                self.finish(self.book.claim(batch, "the last one"))
        self.everything_holds()
        with self.book.database.read() as connection:
            left = connection.execute(
                select(deliveries).where(
                    deliveries.c.due_at.is_not(None) | deliveries.c.state.in_((states.QUEUED, states.SENDING))
                )
            ).all()
            open_ones = connection.execute(
                select(mailings_table).where(mailings_table.c.ended_at.is_(None))
            ).all()
        self.book.database.dispose()
        shutil.rmtree(self.folder)
        actions.MOVED_AT_ONCE = AT_ONCE
        assert not left, f"I1: {left}"
        assert not open_ones, f"I1: {open_ones}"

    def finish(self, lease: Lease) -> None:
        for delivery_id in self.book.inside(lease):
            why = self.book.mark(lease, delivery_id)
            if not why:
                self.arrived[delivery_id] += 1
                self.book.sent(lease, delivery_id)
            elif why == states.SUPPRESSED:
                self.book.trouble(lease, delivery_id, states.SUPPRESSED)
        assert self.book.close(lease)

    def worker(self, which: int) -> Worker:
        return self.workers[which % len(self.workers)]

    def mailing(self, which: int) -> int:
        return self.mailings[which % len(self.mailings)]

    def when_again(self, delivery_id: int) -> int | None:
        """As a lane decides it."""
        row = self.book.delivery(delivery_id)
        is_first = row.resends == 0
        return LATER if self.policy[row.mailing_id] != "hold" and is_first else None


TestPost = Post.TestCase
TestPost.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
