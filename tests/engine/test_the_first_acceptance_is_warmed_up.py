"""A warm-up leaves nothing behind."""

from __future__ import annotations

from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.engine.accept.warm_up import warm_up
from mailroom.ledger.schema import metadata


def test_a_warm_up_leaves_nothing_behind(database: Database) -> None:
    warm_up(database)
    with database.read() as connection:
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    assert {name for name, number in rows.items() if number} == set()
