"""Query plans: how the database finds what a reader of the ledger asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from mailroom.database import statement
from mailroom.database.engine import Database

SETTINGS = ("SET LOCAL ", "SELECT set_config")


@contextmanager
def _heard_by_the_driver(asked: list[tuple[str, Any]]) -> Iterator[None]:
    """Those that SQLAlchemy does not run: see mailroom.database.statement."""
    execute = statement.execute

    def heard(connection: Connection, run: Callable[[str, Any], Any], sql: str, given: Any) -> None:
        if not sql.startswith(SETTINGS):
            asked.append((sql, given))
        execute(connection, run, sql, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statement, "execute", heard)
        yield


def plans_of(
    database: Database, read: Callable[[Connection], object], *, as_it_is: bool = False
) -> list[tuple[str, str]]:
    """Each statement that `read` runs, as often as it runs it, with its plan. There is at least one.

    `as_it_is`: of a ledger that is large enough to be planned for.
    """
    asked: list[tuple[str, Any]] = []
    with database.begin() as connection:
        connection.execute(text("SELECT 1"))  # and PostgreSQL's BEGIN
        if not (database.is_sqlite or as_it_is):  # of so few rows it would read all
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        event.listen(
            connection, "before_cursor_execute", lambda *of: asked.append((of[2], of[3])), named=False
        )
        with _heard_by_the_driver(asked):
            read(connection)
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plans = [
            (sql, "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {sql}", values)))
            for sql, values in list(asked)
        ]
    assert plans
    return plans
