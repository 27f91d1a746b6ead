"""With ten million deliveries the page of what needs a person takes milliseconds: nothing is scanned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import Connection, insert

from mailroom.database import clock
from mailroom.database.engine import Database
from mailroom.ledger.batches import gather, turns
from mailroom.ledger.deliveries import attention, throughput
from mailroom.ledger.deliveries.attention import Chosen
from mailroom.ledger.deliveries.outcomes import NOT_BOUNCED, with_outcome
from mailroom.ledger.schema import deliveries
from mailroom.ledger.states import WATCHED, State
from tests.ledger.book import Book
from tests.ledger.plans import plans_of

READS: dict[str, Callable[[Connection], object]] = {
    "counts": attention.counts,
    **{state: partial(attention.watched, chosen=Chosen(state)) for state in WATCHED},
    "throughput": throughput.last_hour,
    "those who failed": lambda connection: list(with_outcome(connection, 1, State.FAILED)),
    "those who did not bounce": lambda connection: list(with_outcome(connection, 1, NOT_BOUNCED)),
    "a job's page": lambda connection: turns.of_job(connection, 1),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_no_delivery_is_read_but_by_an_index(book: Book, read: Callable[[Connection], object]) -> None:
    first = book.accept(150)
    lease = book.claim()
    ids = book.inside(lease)
    for id in ids[::3]:
        book.trouble(lease, id, State.FAILED)
    book.send(lease, set(ids) - set(ids[::3]))
    book.close(lease)
    assert book.states(first)[State.FAILED] == 34
    for sql, plan in plans_of(book.database, read):
        for word in ("SCAN deliveries", "SCAN attempts", "Seq Scan on deliveries", "Seq Scan on attempts"):
            assert word not in plan, f"{sql}\n{plan}"


def test_postgresql_reads_the_newest_in_order_and_sorts_none(postgres_url: str) -> None:
    """Whatever is believed of how many there are: of 90,000 two thousand were wanted, and all sorted."""
    book = Book(Database(postgres_url))
    book.accept(1_500)
    while book.waiting():
        lease = book.claim()
        for id in book.inside(lease):
            book.trouble(lease, id, State.FAILED)
        book.close(lease)
    with book.database.begin() as connection:
        connection.exec_driver_sql("ANALYZE deliveries")
    reads = [READS[name] for name in ("counts", *WATCHED)]
    for sql, plan in [found for read in reads for found in plans_of(book.database, read, as_it_is=True)]:
        nodes = [line.strip().removeprefix("->").strip() for line in plan.splitlines() if "cost=" in line]
        for limit, below in pairwise(nodes):
            if limit.startswith("Limit"):
                assert not below.startswith(("Sort", "Incremental Sort")), f"{sql}\n{plan}"
    book.database.dispose()


def test_the_last_hour_is_counted_by_minute(book: Book) -> None:
    book.accept(150)
    lease = book.claim()
    ids = book.inside(lease)
    book.send(lease, ids[:90])
    for id in ids[90:]:
        book.trouble(lease, id, State.FAILED)
    age(book, ids[:20], minutes=30)
    age(book, ids[20:30], minutes=61)
    with book.database.read() as connection:
        found = throughput.last_hour(connection)
    assert (found.total, found.is_sample) == (80, False), "what is an hour old, and what failed, is left out"
    assert sum(found.minutes[28:31]) == 20 and sum(found.minutes[-2:]) == 60
    book.close(lease)


def test_of_many_batches_a_sample_stands_for_all(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "batches_counted", lambda: 3)
    book.accept(600)
    for batch in book.waiting():
        lease = book.claim(batch)
        book.send(lease, book.inside(lease))
        book.close(lease)
    with book.database.read() as connection:
        found = throughput.last_hour(connection)
    assert found.is_sample and found.total == pytest.approx(600, abs=200)


@pytest.mark.parametrize("more", [0, 1])
def test_a_sample_has_only_so_many_mails(
    database: Database, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """However large batches are: where they may hold more, fewer are read."""
    monkeypatch.setattr(throughput, "MAILS_COUNTED", 1_000)
    size = gather.FOLLOWING_SIZE
    mailing_id = Book(database).accept(1)
    with database.begin() as connection:
        same = {"mailing_id": mailing_id, "address": "a@mail.example", "address_key": "a@mail.example"}
        same |= {"state": State.SENT, "updated_at": clock.now(connection)}
        batches = [number // size + 1 for number in range(1_000 + more * size)]
        connection.execute(insert(deliveries), [{**same, "batch_id": batch} for batch in batches])
        found = throughput.last_hour(connection)
    assert found.is_sample is bool(more)
    assert found.total == pytest.approx(len(batches), abs=1)


def test_the_hour_is_found_without_reading_what_waits(database: Database) -> None:
    """By each of its halvings, all that waits was read: a quarter of a second with 3,000 batches."""
    mailing_id, steps = Book(database).accept(1), [0]

    def step() -> int:
        steps[0] += 100
        return 0

    with database.begin() as connection:
        same = {"mailing_id": mailing_id, "address": "a@mail.example", "address_key": "a@mail.example"}
        same |= {"updated_at": clock.now(connection)}
        sent = [{**same, "batch_id": 1 + at // 10, "state": State.SENT} for at in range(1_000)]
        waits = [{**same, "batch_id": 101 + at // 100, "state": State.QUEUED} for at in range(40_000)]
        connection.execute(insert(deliveries), sent + waits)
        if database.is_sqlite:
            connection.connection.driver_connection.set_progress_handler(step, 100)  # type: ignore[union-attr]
        found = throughput.last_hour(connection)
    assert found.total == pytest.approx(1_000, abs=100), "a sample of those batches"
    assert steps[0] < 500_000


def age(book: Book, ids: list[int], minutes: int) -> None:
    """These were sent so long ago."""
    with book.database.begin() as connection:
        marks = ", ".join(map(str, ids))
        connection.exec_driver_sql(
            f"UPDATE deliveries SET updated_at = updated_at - {minutes * 60_000} WHERE id IN ({marks})"
        )
