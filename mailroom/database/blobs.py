"""Large values in slices, so that a file of 25 MB is in nobody's memory as a whole, on its way in or out."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, Table, case, func, insert, literal, select

from mailroom.database.connection import begin, pipeline
from mailroom.database.connection.page_cache import nothing_mapped
from mailroom.database.connection.pipeline import as_sqlalchemy
from mailroom.database.engine import Database
from mailroom.database.statement import execute

READ_WHOLE = 128 * 1024
"""Octets. What has no more comes and goes with its row."""

Octets = bytes | memoryview

WRITTEN_AT_ONCE = 1 << 18
"""Octets of a slice, for whoever has no other reason."""

JOINED_AT_ONCE = 1 << 22
"""The same for who puts a value together in memory: each slice is a round trip to PostgreSQL, which unpacks
all in front of it, too."""

LOOKED_AT_ONCE = 1 << 20
"""The same for who reads all of a value and keeps little of it."""

CACHED_WHILE_READ, CACHED_WHILE_WRITTEN = 256, 4096
"""KiB of SQLite's cache while a large value is read or written: nobody comes back to what was read."""

COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
COPY_ENDS = struct.pack(">h", -1)


def if_small(column: Column[bytes]) -> ColumnElement[bytes | None]:
    """The value where it is no longer than READ_WHOLE; NULL: ask for `slices`."""
    return case((func.length(column) <= READ_WHOLE, column))


def begin_with(database: Database, sizes: Iterable[int]) -> AbstractContextManager[Connection]:
    """A transaction that adds values of these sizes. Its statements leave together, unless one of them is so
    large that PostgreSQL takes it by COPY, which goes in no pipeline.
    """
    is_any_large = any(size > READ_WHOLE for size in sizes)
    return database.begin() if is_any_large else database.begin_at_once()


def sliced(value: Octets) -> Iterator[memoryview]:
    """For a value that is there as a whole."""
    view = memoryview(value)
    return (view[at : at + WRITTEN_AT_ONCE] for at in range(0, len(view), WRITTEN_AT_ONCE))


def insert_row(
    connection: Connection, column: Column[bytes], row: Mapping[str, Any], size: int, pieces: Iterable[Octets]
) -> None:
    """Adds a row whose `column` is what the pieces are together, `size` octets; the others are in `row`.

    Of PostgreSQL: integers are BIGINT there, and all else is text.
    """
    table = column.table
    assert isinstance(table, Table)
    pieces = _exactly(size, pieces)
    if size <= READ_WHOLE:
        pipeline.do(connection, insert(table).values({**row, column.name: b"".join(pieces)}))
    elif connection.dialect.name == "sqlite":
        _insert_through_a_handle(connection, column, row, size, pieces)
    else:
        _copy(connection, column, row, size, pieces)


def insert_copies(
    connection: Connection,
    column: Column[bytes],
    size: Column[int],
    kept: Column[Any],
    given: Mapping[str, Any],
    which: ColumnElement[bool],
) -> None:
    """Adds a copy of each row that `which` finds: its `column` of `size` octets, and what is `kept` of it.
    The rest is `given`.
    """
    table = column.table
    assert isinstance(table, Table)
    if connection.dialect.name == "sqlite":
        (primary,) = table.primary_key
        for key, octets, value in connection.execute(select(primary, size, kept).where(which)).all():
            pieces = slices(connection, column, key, WRITTEN_AT_ONCE)
            insert_row(connection, column, {**given, kept.name: value, size.name: octets}, octets, pieces)
        return
    # Within the server: nothing of it comes here.
    values = [literal(value, table.c[name].type) for name, value in given.items()]
    copied = select(*values, kept, size, column).where(which)
    names = [*given, kept.name, size.name, column.name]
    pipeline.do(connection, insert(table).from_select(names, copied))


def whole(connection: Connection, column: Column[bytes], key: int) -> bytes:
    """The value in the row with this primary key, in memory once: for who needs all of it."""
    file = BytesIO()
    file.writelines(slices(connection, column, key, JOINED_AT_ONCE))
    return file.getvalue()


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
    driver: Any = connection.connection.dbapi_connection
    try:
        with (
            nothing_mapped(connection, CACHED_WHILE_READ),
            driver.blobopen(table.name, column.name, key, readonly=True) as blob,
        ):
            while read := blob.read(size):
                yield read
    except connection.dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy(error, f"blob {column}", connection.dialect) from error


def _insert_through_a_handle(
    connection: Connection, column: Column[bytes], row: Mapping[str, Any], size: int, pieces: Iterable[Octets]
) -> None:
    """To bind it as a parameter would take two copies more."""
    table, driver = column.table, cast(Any, connection.connection.dbapi_connection)
    assert isinstance(table, Table)
    with nothing_mapped(connection, CACHED_WHILE_WRITTEN):
        try:
            done = connection.execute(insert(table).values({**row, column.name: func.zeroblob(size)}))
            assert done.inserted_primary_key is not None
            with driver.blobopen(table.name, column.name, done.inserted_primary_key[0]) as blob:
                for piece in pieces:
                    blob.write(piece)
        except connection.dialect.loaded_dbapi.Error as error:
            raise as_sqlalchemy(error, f"blob {column}", connection.dialect) from error


def _exactly(size: int, pieces: Iterable[Octets]) -> Iterator[Octets]:
    """Raises ValueError for more or less, as from a file that was changed meanwhile."""
    left = size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise ValueError(f"there are {size - left:,} octets, and not {size:,}")


def _copy(
    connection: Connection, column: Column[bytes], row: Mapping[str, Any], size: int, pieces: Iterable[Octets]
) -> None:
    """By COPY in its binary format, whose fields may come in any number of writes."""
    begin.now(connection)
    cursor: Any = connection.connection.cursor()

    def copy(sql: str, pieces: Iterable[Octets]) -> None:
        with cursor.copy(sql) as copied:
            copied.write(COPY_SIGNATURE + bytes(8) + struct.pack(">h", len(row) + 1))
            for value in row.values():
                copied.write(_field(value))
            copied.write(struct.pack(">i", size))
            for piece in pieces:
                copied.write(piece)
            copied.write(COPY_ENDS)

    names = ", ".join([*row, column.name])
    execute(connection, copy, f"COPY {column.table} ({names}) FROM STDIN (FORMAT BINARY)", pieces)


def _field(value: int | str | None) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    octets = struct.pack(">q", value) if isinstance(value, int) else value.encode()
    return struct.pack(">i", len(octets)) + octets


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
