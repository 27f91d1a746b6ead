"""Keyset pagination of what belongs to one: a list's members, a mailing's deliveries, by their ids.

PostgreSQL takes them to be spread evenly over all ids. For `list_id = 2 ORDER BY id LIMIT 50` it reads by the
primary key, if list 2 is a large one, and first passes over everybody who came before. So the owner stands in
the order, too, and no = says that it is the same throughout: only the index of both columns has that order.

SQLite that has statistics may do the same, and heeds the same order. But of `(list_id, id) > (2, 700)` it
uses the first column alone, and steps over all in front: there it is told = of the one, > of the other.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import BindParameter, Boolean, ColumnElement, Select, literal, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Rows = TypeVar("Rows", bound=Select[Any])

Id = int | BindParameter[int]


def of_one(
    rows: Rows,
    owner_column: ColumnElement[Any],
    owner: Any,
    id_column: ColumnElement[int],
    *,
    after_id: Id | None = None,
    before_id: Id | None = None,
    from_the_end: bool = False,
) -> Rows:
    """Those of `owner`, in the order of their ids; above `after_id` only, and below `before_id`.

    `owner`: a value, or SQL for it. Ids may be parameters, too.
    """
    order = (owner_column, id_column)
    begins = owner_column >= owner if after_id is None else _beside(*order, owner, after_id, is_after=True)
    ends = owner_column <= owner if before_id is None else _beside(*order, owner, before_id, is_after=False)
    ordered = [column.desc() for column in order] if from_the_end else order
    return rows.where(begins, ends).order_by(*ordered)


class _beside(FunctionElement[bool]):
    """Where the rows of an owner go on after an id, or end before one."""

    type = Boolean()
    inherit_cache = True

    def __init__(
        self,
        owner_column: ColumnElement[Any],
        id_column: ColumnElement[int],
        owner: Any,
        id: Id,
        *,
        is_after: bool,
    ) -> None:
        given = _written(owner, owner_column), _written(id, id_column)
        sign: ColumnElement[Any] = literal_column(">" if is_after else "<")
        super().__init__(owner_column, id_column, *given, sign)

    def self_group(self, against: Any = None) -> Any:
        # As it stands: else SQLAlchemy writes `... = 1` for SQLite, which then uses no index.
        return self


def _written(value: Any, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return value if isinstance(value, ColumnElement) else literal(value, column.type)


@compiles(_beside, "sqlite")
def _sqlite(element: _beside, compiler: Any, **kw: Any) -> str:
    owner_column, id_column, owner, id, sign = (compiler.process(one, **kw) for one in element.clauses)
    return f"({owner_column} = {owner} AND {id_column} {sign} {id})"


@compiles(_beside, "postgresql")
def _postgresql(element: _beside, compiler: Any, **kw: Any) -> str:
    owner_column, id_column, owner, id, sign = (compiler.process(one, **kw) for one in element.clauses)
    return f"({owner_column}, {id_column}) {sign} ({owner}, {id})"
