"""A ledger and the hands that write in it: what web, worker and sweeper do, one step at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select, update

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import AnyRow, Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.batches import batches, gather, waiting_deliveries
from mailroom.ledger.batches.batches import Gathered, Lease
from mailroom.ledger.deliveries import marks, refused_marks, tries
from mailroom.ledger.deliveries.marks import HandOver, Sent
from mailroom.ledger.mailings import canary, lifecycle
from mailroom.ledger.schema import batches as batches_table
from mailroom.ledger.schema import deliveries
from mailroom.ledger.schema import mailings as mailings_table
from mailroom.ledger.states import State
from mailroom.ledger.sweep import reap
from mailroom.queue import Queue
from tests.invariants import counters_agree

NO_QUEUE = "redis://127.0.0.1:1"
"""Nobody listens there: acceptance goes on without a queue."""

CONTENT = Content(Address("post@mailroom.example", "Mailroom"), "Hello", text="Hello.")


class Book:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = Queue(NO_QUEUE)

    def accept(self, to: int | Iterable[str], content: Content = CONTENT, **options: Any) -> int:
        """A mailing's id. Its first batches are gathered already, unless it is scheduled."""
        addresses = [f"p{n}@mail.example" for n in range(to)] if isinstance(to, int) else to
        recipients = [Recipient(address) for address in addresses]
        return accept(self.database, self.queue, Submission(content, recipients, **options)).mailing_id

    def gather(self, mailing_id: int, most: int = 20) -> list[Gathered]:
        with self.database.begin() as connection:
            return gather.gather(connection, mailing_id, most)

    def waiting(self) -> list[Gathered]:
        """The batches that nobody claimed."""
        with self.database.read() as connection:
            return batches.forgotten(connection, -1_000)

    def claim(self, batch: Gathered | None = None, owner: str = "ann") -> Lease:
        """The lease of this batch, or of the first one that waits."""
        lease = self.try_to_claim(batch or self.waiting()[0], owner)
        assert lease is not None
        return lease

    def try_to_claim(self, batch: Gathered, owner: str = "ann") -> Lease | None:
        with self.database.begin() as connection:
            return batches.claim(connection, batch.id, batch.epoch, owner)

    def inside(self, lease: Lease) -> list[int]:
        """Ids of the deliveries that may still be sent."""
        with self.database.read() as connection:
            return [row.id for row in waiting_deliveries.contents_later(connection, lease.batch_id)()]

    def mark(self, lease: Lease, delivery_id: int, session_id: int = 1) -> str:
        """As the recorder does: "" when it is marked, else why not."""
        direct = self.database.direct()
        _, (marked,) = marks.LeaseWriter(direct, lease).write([], [HandOver(delivery_id, session_id)])
        direct.close()
        if marked:
            return ""
        with self.database.read() as connection:
            return refused_marks.why_refused(connection, lease, [delivery_id])[0].why

    def marked(self, **options: Any) -> tuple[int, Lease, int]:
        """A mailing to one, about to be handed over: its id, the lease of its batch, the delivery's id."""
        mailing_id = self.accept(1, **options)
        lease = self.claim()
        (delivery_id,) = self.inside(lease)
        assert self.mark(lease, delivery_id) == ""
        return mailing_id, lease, delivery_id

    def in_doubt(self, **options: Any) -> tuple[int, Lease, int]:
        """The same, but its worker died."""
        found = self.marked(**options)
        self.die(found[1])
        return found

    def mark_again(self, mailing_id: int, delivery_id: int, owner: str = "ann") -> Lease:
        """In a new batch."""
        self.gather(mailing_id)
        lease = self.claim(owner=owner)
        assert self.mark(lease, delivery_id) == ""
        return lease

    def sent(self, lease: Lease, delivery_id: int) -> bool:
        """As the recorder does: in the batch, or late."""
        sent = Sent(delivery_id, 250, "2.0.0 Ok")
        direct = self.database.direct()
        (recorded,), _ = marks.LeaseWriter(direct, lease).write([sent], [])
        direct.close()
        if recorded:
            return True
        with self.database.begin() as connection:
            return tries.record_late(connection, *sent)

    def send(self, lease: Lease, ids: Iterable[int]) -> None:
        """All of these, which share their commits as in a recorder."""
        ids, direct = list(ids), self.database.direct()
        writer = marks.LeaseWriter(direct, lease)
        assert all(writer.write([], [HandOver(id, 1) for id in ids])[1])
        assert all(writer.write([Sent(id, 250, "2.0.0 Ok") for id in ids], [])[0])
        direct.close()

    def trouble(self, lease: Lease, delivery_id: int, state: State, due_in_ms: int | None = None) -> None:
        outcome = tries.Outcome(delivery_id, state, 451, "4.7.1 Later", "sink:25", "dot", due_in_ms)
        with self.database.begin() as connection:
            tries.record_troubles(connection, lease, [outcome])

    def close(self, lease: Lease) -> bool:
        with self.database.begin() as connection:
            return batches.close(connection, lease)

    def note_in_hand(self, lease: Lease, in_hand: bool = True) -> None:
        """As its worker does of a mail that is tried alone, or waits for long."""
        with self.database.begin() as connection:
            batches.note_in_hand(connection, lease, in_hand)

    def run_out(self, lease: Lease) -> None:
        """The lease's time is over."""
        with self.database.begin() as connection:
            chosen = update(batches_table).where(batches_table.c.id == lease.batch_id)
            connection.execute(chosen.values(lease_until=batches_table.c.lease_until - 3_600_000))

    def reap(self) -> int:
        """How many batches came back."""
        with self.database.begin() as connection:
            return sum(reap.reap(connection, batch_id) for batch_id in reap.expired(connection))

    def die(self, lease: Lease) -> None:
        self.run_out(lease)
        assert self.reap() == 1

    def make_due(self, mailing_id: int) -> None:
        """What is deferred is due now."""
        with self.database.begin() as connection:
            later = update(deliveries).where(
                deliveries.c.mailing_id == mailing_id, deliveries.c.due_at != canary.HELD_BACK
            )
            connection.execute(later.values(due_at=0))
            lifecycle.look_again(connection, mailing_id, 0)

    def delivery(self, delivery_id: int) -> AnyRow:
        with self.database.read() as connection:
            return connection.execute(select(deliveries).where(deliveries.c.id == delivery_id)).one()

    def states(self, mailing_id: int) -> dict[str, int]:
        statement = select(deliveries.c.state, func.count()).where(deliveries.c.mailing_id == mailing_id)
        with self.database.read() as connection:
            rows = connection.execute(statement.group_by(deliveries.c.state)).all()
        return {row[0]: row[1] for row in rows}

    def mailing(self, mailing_id: int) -> AnyRow:
        with self.database.read() as connection:
            chosen = select(mailings_table).where(mailings_table.c.id == mailing_id)
            return connection.execute(chosen).one()

    def check(self) -> None:
        counters_agree(self.database)
