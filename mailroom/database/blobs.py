"""Large values in slices, so that a file of 25 MB is in nobody's memory as a whole, nor twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, case, func, select

from mailroom.database.statement import as_sqlalchemy

READ_WHOLE = 128 * 1024
"""Octets. What has no more comes with its row."""


def if_small(column: Column[bytes]) -> ColumnElement[bytes | None]:
    """The value where it is no longer than READ_WHOLE; NULL: ask for `slices`."""
    return case((func.length(column) <= READ_WHOLE, column))


def slices(connection: Connection, column: Column[bytes], key: int, size: int) -> Iterator[bytes]:
    """The value in the row with this primary key, `size` octets at a time; all in one transaction."""
    table = column.table
    assert isinstance(table, Table)
    by = _through_a_handle if connection.dialect.name == "sqlite" else _by_substring
    return by(connection, table, column, key, size)


def _through_a_handle(
    connection: Connection, table: Table, column: Column[bytes], key: int, size: int
) -> Iterator[bytes]:
    """SQLite's substr() would read all of it each time. Its keys are row ids."""
    driver: Any = connection.connection.driver_connection
    try:
        with driver.blobopen(table.name, column.name, key, readonly=True) as blob:
            while read := blob.read(size):
                yield read
    except connection.dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy(error, f"blob {column}", connection.dialect) from error


def _by_substring(
    connection: Connection, table: Table, column: Column[bytes], key: int, size: int
) -> Iterator[bytes]:
    (primary,) = table.primary_key
    start = 1
    while True:
        part = func.substring(column, start, size, type_=column.type)
        read = connection.execute(select(part).where(primary == key)).scalar_one()
        if read:
            yield read
        if len(read) < size:
            return
        start += size
