"""Keyset pagination: rows by their ids, the newest first, each page from where another one ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select

from mailroom.database.engine import AnyRow


def newest_first(
    connection: Connection,
    rows: Select[*tuple[Any, ...]],
    id_column: ColumnElement[int],
    *,
    limit: int,
    older_than: int | None = None,
    newer_than: int | None = None,
) -> list[AnyRow]:
    """`limit` of them: the newest that are `older_than` an id; with `newer_than` alone, those next to it."""
    if older_than is not None:
        rows = rows.where(id_column < older_than)
    if newer_than is not None:
        rows = rows.where(id_column > newer_than)
    from_the_end = newer_than is not None and older_than is None
    order = id_column.asc() if from_the_end else id_column.desc()
    found = list(connection.execute(rows.order_by(order).limit(limit)))
    return found[::-1] if from_the_end else found
