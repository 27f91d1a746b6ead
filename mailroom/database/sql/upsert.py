"""Insert or ignore, and upsert: rows that two may want to write at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Executable, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

from mailroom.database.statement import Statement

INSERT: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_once(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Adds those of `rows` (all with the same columns) that are not there yet; says how many.

    Of two writers the first one wins, and nobody fails.
    """
    if not rows:
        return 0
    statement = INSERT[connection.dialect.name](table).values(list(rows)).on_conflict_do_nothing()
    return len(connection.execute(statement.returning(*table.primary_key)).all())


def insert_all_once(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], **all_have: ColumnElement[Any]
) -> int:
    """The same for many rows of plain values. They stand beside the statement and not in it: to compile
    thousands of parameters takes a second. `all_have`: SQL, for each of them.
    """
    if not rows:
        return 0
    statement = INSERT[connection.dialect.name](table).on_conflict_do_nothing().values(all_have)
    return len(connection.execute(statement.returning(*table.primary_key), list(rows)).all())


def insert_found(connection: Connection, table: Table, found: Select[Any]) -> int:
    """The same for what a query finds, whose columns have the table's names: nothing of it comes here."""
    names = found.selected_columns.keys()
    statement = INSERT[connection.dialect.name](table).from_select(names, found).on_conflict_do_nothing()
    return int(connection.execute(statement).rowcount)


def insert_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], told: Column[Any]
) -> list[Any]:
    """The same; says `told` of those rows that were not there yet."""
    if not rows:
        return []
    statement = INSERT[connection.dialect.name](table).on_conflict_do_nothing()
    return list(connection.execute(statement.returning(told), list(rows)).scalars())


class Upsert:
    """A Statement that `made` from the INSERT of whichever database it is run on."""

    def __init__(self, table: Table, made: Callable[[Any], Executable]) -> None:
        self._statements = {
            name: Statement(made(insert(table)), dialect=name) for name, insert in INSERT.items()
        }

    def run(self, connection: Connection, **values: Any) -> int:
        """How many rows it wrote."""
        return self._statements[connection.dialect.name].run(connection, **values)
