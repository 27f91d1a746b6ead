"""Many deliveries written at once, by the driver itself: SQLAlchemy's way takes three times as long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError


class NewDelivery(NamedTuple):
    """A row of `deliveries` to be. `variables`: as JSON, or None."""

    mailing_id: int
    address: str
    address_key: str
    name: str
    role: str
    variables: str | None
    state: str
    due_at: int | None
    updated_at: int


NAMES = ", ".join(NewDelivery._fields)
PLACES = len(NewDelivery._fields)
INSERT = {
    "sqlite": f"INSERT INTO deliveries ({NAMES}) VALUES ({', '.join(['?'] * PLACES)})",
    "postgresql": f"INSERT INTO deliveries ({NAMES}) VALUES ({', '.join(['%s'] * PLACES)})",
}
COPY = f"COPY deliveries ({NAMES}) FROM STDIN"

MANY = 50
"""From so many rows on PostgreSQL's COPY, with its two more round trips, is the faster way."""

AT_ONCE = 500
"""Rows of one statement on SQLite: to start one anew for each row takes as long as all the rest."""

INSERT_AT_ONCE = INSERT["sqlite"] + f", ({', '.join(['?'] * PLACES)})" * (AT_ONCE - 1)


def insert_rows(connection: Connection, rows: Sequence[NewDelivery]) -> None:
    """Adds these, in their order."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _insert_at_once(connection, rows)
    elif len(rows) >= MANY:
        _copy(connection, rows)
    else:
        connection.exec_driver_sql(INSERT["postgresql"], list(rows))


def leave_to_a_later_commit(connection: Connection) -> None:
    """This transaction promises nothing yet: PostgreSQL need not wait for its disk.

    The commit that makes the mailing real waits for all that was committed before it.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _insert_at_once(connection: Connection, rows: Sequence[NewDelivery]) -> None:
    single = len(rows) % AT_ONCE
    for start in range(0, len(rows) - single, AT_ONCE):
        values = tuple(chain.from_iterable(rows[start : start + AT_ONCE]))
        connection.exec_driver_sql(INSERT_AT_ONCE, values)
    if single:
        connection.exec_driver_sql(INSERT["sqlite"], list(rows[-single:]))


def _copy(connection: Connection, rows: Sequence[NewDelivery]) -> None:
    driver: Any = connection.dialect.loaded_dbapi
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        # As if SQLAlchemy had run it: callers know no driver.
        raise OperationalError(COPY, None, error) from error
