"""CSV files, as long as they may be, that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from typing import TypeVar

from flask import Response
from sqlalchemy import Connection

from mailroom.content.formulas import harmless
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


def pages(
    database: Database, read: Callable[[Connection, T | None], list[T]], *, are_cut: bool = False
) -> Iterator[list[T]]:
    """A page of the ledger a time, each in a transaction of its own; `read` is given the last row before.

    It gives EXPORTED_AT_ONCE rows, or the rest; `are_cut`: or fewer, and none at the end. A slow reader of a
    long file must not hold a transaction open: SQLite's log would grow the while.
    """
    last: T | None = None
    while True:
        with database.read_at_once() as connection:
            rows = read(connection, last)
        yield rows
        if not rows or (len(rows) < EXPORTED_AT_ONCE and not are_cut):
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
