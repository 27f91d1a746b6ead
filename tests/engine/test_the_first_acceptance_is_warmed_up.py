"""A warm-up leaves nothing behind."""

from __future__ import annotations

from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.engine.accept.warm_up import warm_up
from mailroom.ledger.schema import metadata


def test_a_warm_up_leaves_nothing_behind(database: Database) -> None:
    before = rows(database)
    warm_up(database)
    assert rows(database) == before


def rows(database: Database) -> dict[str, int]:
    """How many each table has."""
    with database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
