"""SQL: whether a number is one of a list, which is given as a single parameter.

Unlike IN with a parameter for each, the statement is the same however long the list is.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class Numbers(TypeDecorator[Collection[int]]):
    """Whole numbers as one parameter: JSON on SQLite, an array on PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(BigInteger))

    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> Any:
        assert value is not None
        return json.dumps(list(value)) if dialect.name == "sqlite" else list(value)


class among(FunctionElement[bool]):
    """`among(column, "chosen")`: its value is one of the numbers given as `chosen`."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[int], name: str) -> None:
        super().__init__(column, bindparam(name, type_=Numbers()))

    def self_group(self, against: Any = None) -> Any:
        # As it stands: else SQLAlchemy writes `... = 1` for SQLite, which then reads the whole table.
        return self


@compiles(among, "sqlite")
def _sqlite(element: among, compiler: Any, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({chosen}))"


@compiles(among, "postgresql")
def _postgresql(element: among, compiler: Any, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY({chosen})"
