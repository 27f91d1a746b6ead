"""PostgreSQL plans the statement of a group of marks and outcomes once, however many are in a group."""

from __future__ import annotations

from mailroom.database.connection.raw import RETURNED
from mailroom.database.engine import Database
from mailroom.ledger.deliveries import marks
from mailroom.ledger.deliveries.marks import Sent
from tests.ledger.book import Book

PLANS = "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE %s"


def test_a_group_is_planned_once(postgres_url: str) -> None:
    database = Database(postgres_url)
    book = Book(database)
    book.accept(1)
    direct = database.direct()
    writer = marks.LeaseWriter(direct, book.claim())
    for number in range(60):
        writer.write([Sent(-id, 250, "250 OK") for id in range(1, 2 + number % 12)], [])
    [[(kept, anew)]] = direct.run([(PLANS, ("WITH noted%",))], RETURNED)
    direct.end()
    database.dispose()
    assert kept > 40 and anew == 0
