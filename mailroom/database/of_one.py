"""Keyset pagination of what belongs to one: a list's members, a mailing's deliveries, by their ids.

PostgreSQL takes them to be spread evenly over all ids. For `list_id = 2 ORDER BY id LIMIT 50` it reads by the
primary key, if list 2 is a large one, and first passes over everybody who came before. So the owner stands in
the order, too, and no = says that it is the same throughout: only the index of both columns has that order.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, tuple_

Rows = TypeVar("Rows", bound=Select[Any])


def of_one(
    rows: Rows,
    owner_column: ColumnElement[int],
    owner: int,
    id_column: ColumnElement[int],
    *,
    after_id: int | None = None,
    from_the_end: bool = False,
) -> Rows:
    """Those of `owner`, in the order of their ids; those behind `after_id` only."""
    order = (owner_column, id_column)
    begins = owner_column >= owner if after_id is None else tuple_(*order) > tuple_(owner, after_id)
    ordered = [column.desc() for column in order] if from_the_end else order
    return rows.where(begins, owner_column <= owner).order_by(*ordered)
