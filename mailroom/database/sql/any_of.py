"""= ANY: whether a value is one of a list, which is given as a single parameter.

Unlike IN with a parameter for each, the statement is the same however long the list is.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Dialect, String, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class Several(TypeDecorator[Collection[Any]]):
    """Values of one type as one parameter: JSON on SQLite, an array on PostgreSQL."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any], *, is_long: bool = False) -> None:
        super().__init__()
        self.item = item
        self.is_long = is_long

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.item))

    def bind_processor(self, dialect: Dialect) -> Any:
        if self.is_long and dialect.name != "sqlite":
            return _written  # the array's own way would take it for a list
        return super().bind_processor(dialect)

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        assert value is not None
        return json.dumps(list(value)) if dialect.name == "sqlite" else list(value)


class any_of(FunctionElement[bool]):
    """`any_of(column, "chosen")`: its value is one of those given as `chosen`.

    `is_long`: of ids by the thousand, which psycopg would look at three times each, to write them.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str, *, is_long: bool = False) -> None:
        super().__init__(column, bindparam(name, type_=Several(_plain(column.type), is_long=is_long)))

    def self_group(self, against: Any = None) -> Any:
        # As it stands: else SQLAlchemy writes `... = 1` for SQLite, which then reads the whole table.
        return self


def _written(numbers: Collection[int]) -> str:
    """An array in PostgreSQL's own words."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _plain(of: TypeEngine[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(of, String) else BigInteger()


@compiles(any_of, "sqlite")
def _sqlite(element: any_of, compiler: Any, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({chosen}))"


@compiles(any_of, "postgresql")
def _postgresql(element: any_of, compiler: Any, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY({chosen})"
