"""No page of a large mailing passes over whoever was mailed before it, or is in front of the page."""

from __future__ import annotations

from functools import partial

from sqlalchemy import insert

from mailroom.database.engine import Database
from mailroom.ledger.deliveries import deliveries, timeline
from mailroom.ledger.schema import deliveries as table
from mailroom.ledger.states import State
from tests.ledger.book import Book
from tests.ledger.plans import plans_of


def test_it_is_found_by_mailing_and_id_however_large_it_is(database: Database) -> None:
    other, large = (Book(database).accept(["first@mail.example"]) for _ in range(2))
    with database.begin() as connection:
        for mailing_id, total in ((other, 400), (large, 4_000)):
            same = {"mailing_id": mailing_id, "address": "a@mail.example", "address_key": "a@mail.example"}
            connection.execute(insert(table), [{**same, "updated_at": 0, "state": State.SENT}] * total)
        connection.exec_driver_sql("ANALYZE deliveries")
    for read in (
        lambda c: deliveries.page(c, large),
        lambda c: deliveries.page(c, large, State.SENT, after_id=700),
        lambda c: timeline.marks_of(c, large, 4_000, 0),
    ):
        plans = [plan for sql, plan in plans_of(database, read) if "ORDER BY deliveries.mailing_id" in sql]
        assert plans and all("ix_deliveries_mailing_id_id" in plan for plan in plans), plans
    if database.is_sqlite:
        for state in (None, State.SENT):
            read = partial(deliveries.page, mailing_id=large, state=state, after_id=700)
            ((_, plan),) = plans_of(database, read)
            assert "(mailing_id=? AND id>?)" in plan, plan
