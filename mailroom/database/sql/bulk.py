"""Bulk insert: many rows at once by the driver itself, with COPY where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from mailroom.database.connection import begin, pipeline
from mailroom.database.statement import execute

COPY_FROM = 50
"""Rows from which COPY, with its two more round trips, is the faster way."""

ROWS_AT_ONCE = 500
"""Rows of one statement on SQLite: to start one anew for each row takes as long as all the rest."""


class BulkInsert:
    """Adds rows to one table: SQLAlchemy's way takes three times as long. Values are not converted."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        names, places = ", ".join(columns), len(columns)
        question_marks = f"({', '.join(['?'] * places)})"
        into = f"INSERT INTO {table} ({names}) VALUES "
        self._one = {"sqlite": into + question_marks, "postgresql": f"{into}({', '.join(['%s'] * places)})"}
        self._many = into + ", ".join([question_marks] * ROWS_AT_ONCE)
        self._copy = f"COPY {table} ({names}) FROM STDIN"

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds `rows` (values in the order of the columns), in their order."""
        name = connection.dialect.name
        begin.now(connection)
        if name == "postgresql" and len(rows) >= COPY_FROM and not pipeline.is_on(connection):
            self._run_copy(connection, rows)
            return
        single = len(rows) % ROWS_AT_ONCE if name == "sqlite" else len(rows)
        cursor = connection.connection.cursor()
        for start in range(0, len(rows) - single, ROWS_AT_ONCE):
            values = tuple(chain.from_iterable(rows[start : start + ROWS_AT_ONCE]))
            execute(connection, cursor.execute, self._many, values)
        if single == 1:
            execute(connection, cursor.execute, self._one[name], rows[-1])
        elif single:
            execute(connection, cursor.executemany, self._one[name], rows[-single:])

    def _run_copy(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        cursor: Any = connection.connection.cursor()

        def copy(sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
            with cursor.copy(sql) as copied:
                for row in rows:
                    copied.write_row(row)

        execute(connection, copy, self._copy, rows)
