"""Keyset pagination: rows by their ids, the newest first, each page from where another one ended.

What belongs to one is asked for by its `owner`: else it is looked for among everybody's rows (of_one.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select

from mailroom.database.engine import AnyRow
from mailroom.database.sql.of_one import of_one


class Owner(NamedTuple):
    """Whose rows are wanted, by an index of this column and the id, perhaps behind others that are =."""

    column: ColumnElement[Any]
    value: Any


def newest_first(
    connection: Connection,
    rows: Select[*tuple[Any, ...]],
    id_column: ColumnElement[int],
    *,
    limit: int,
    older_than: int | None = None,
    newer_than: int | None = None,
    owner: Owner | None = None,
) -> list[AnyRow]:
    """`limit` of them: the newest that are `older_than` an id; with `newer_than` alone, those next to it."""
    from_the_end = newer_than is not None and older_than is None
    if owner is not None:
        rows = of_one(
            rows,
            owner.column,
            owner.value,
            id_column,
            after_id=newer_than,
            before_id=older_than,
            from_the_end=not from_the_end,
        )
    else:
        if older_than is not None:
            rows = rows.where(id_column < older_than)
        if newer_than is not None:
            rows = rows.where(id_column > newer_than)
        rows = rows.order_by(id_column.asc() if from_the_end else id_column.desc())
    found = list(connection.execute(rows.limit(limit)))
    return found[::-1] if from_the_end else found
