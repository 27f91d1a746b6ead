"""Keyset pagination of what belongs to one: a list's members, a mailing's deliveries, by their ids.

PostgreSQL takes them to be spread evenly over all ids. For `list_id = 2 ORDER BY id LIMIT 50` it reads by the
primary key, if list 2 is a large one, and first passes over everybody who came before. So the owner stands in
the order, too, and no = says that it is the same throughout: only the index of both columns has that order.

SQLite goes by the index either way. But of `(list_id, id) > (2, 700)` it uses the first column alone, and
steps over all in front: it is told = of the one, > of the other.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Boolean, ColumnElement, Select, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

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
    """Those of `owner`, in the order of their ids; those with an id above `after_id` only."""
    order = (owner_column, id_column)
    begins = owner_column >= owner if after_id is None else _after(*order, owner, after_id)
    ordered = [column.desc() for column in order] if from_the_end else order
    return rows.where(begins, owner_column <= owner).order_by(*ordered)


class _after(FunctionElement[bool]):
    """Where the rows of an owner go on; with `owner_column <= owner` beside it, where they end."""

    type = Boolean()
    inherit_cache = True

    def __init__(
        self, owner_column: ColumnElement[int], id_column: ColumnElement[int], owner: int, after_id: int
    ) -> None:
        given = literal(owner, owner_column.type), literal(after_id, id_column.type)
        super().__init__(owner_column, id_column, *given)

    def self_group(self, against: Any = None) -> Any:
        # As it stands: else SQLAlchemy writes `... = 1` for SQLite, which then uses no index.
        return self


@compiles(_after, "sqlite")
def _sqlite(element: _after, compiler: Any, **kw: Any) -> str:
    owner_column, id_column, owner, after_id = (compiler.process(one, **kw) for one in element.clauses)
    return f"({owner_column} = {owner} AND {id_column} > {after_id})"


@compiles(_after, "postgresql")
def _postgresql(element: _after, compiler: Any, **kw: Any) -> str:
    owner_column, id_column, owner, after_id = (compiler.process(one, **kw) for one in element.clauses)
    return f"({owner_column}, {id_column}) > ({owner}, {after_id})"
