"""CSV files, as long as they may be, that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from typing import Generic, NamedTuple, TypeVar

from flask import Response
from sqlalchemy import Connection

from mailroom.content.text.formulas import harmless
from mailroom.database.engine import Database
from mailroom.engine.letterhead import message_id_of
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings.mailings import Mailing

DELIVERIES_CSV_HEADER = ("address", "name", "state", "attempts", "code", "reply", "message_id", "updated_at")

EXPORTED_AT_ONCE = 1_000
"""Rows."""

T = TypeVar("T")


def download(lines: Iterable[str], filename: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return Response(lines, content_type="text/csv; charset=utf-8", headers=headers)


class RowsRead(NamedTuple, Generic[T]):
    """`is_rest`: none come after them."""

    rows: list[T]
    is_rest: bool


def pages(database: Database, read: Callable[[Connection, T | None], list[T]]) -> Iterator[list[T]]:
    """The same by a `read` that gives EXPORTED_AT_ONCE rows, or the rest."""

    def read_page(connection: Connection, last: T | None) -> RowsRead[T]:
        rows = read(connection, last)
        return RowsRead(rows, len(rows) < EXPORTED_AT_ONCE)

    return parts(database, read_page)


def parts(database: Database, read: Callable[[Connection, T | None], RowsRead[T]]) -> Iterator[list[T]]:
    """A part of a table a time, each in a transaction of its own; `read` is given the last row before.

    A slow reader of a long file must not hold a transaction open: SQLite's log would grow the while.
    """
    last: T | None = None
    while True:
        with database.read_at_once() as connection:
            rows, is_rest = read(connection, last)
        yield rows
        if is_rest:
            return
        last = rows[-1]


def line(cells: Sequence[str]) -> str:
    """One line of the file, its line end included."""
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def row_of(mailing: Mailing, delivery: Delivery) -> tuple[str, ...]:
    return (
        delivery.address,
        delivery.name,
        delivery.state,
        str(delivery.attempts),
        "" if delivery.code is None else str(delivery.code),
        delivery.reply or "",
        message_id_of(mailing, delivery.id),
        delivery.updated_at.astimezone(UTC).isoformat(timespec="milliseconds"),
    )
