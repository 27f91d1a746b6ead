"""= ANY: whether a value is one of a list, which is given as a single parameter, or found beforehand.

Unlike IN with a parameter for each, the statement is the same however long the list is.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Dialect, Select, String, Text, bindparam
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


class any_found(FunctionElement[bool]):
    """`any_found(column, select(...))`: its value is one of those that are found, all of them before it.

    By the column's index, a look-up for each: PostgreSQL, which may believe anything of what has no
    statistics, would else read all rows, or those of another index, and keep what is among them.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], found: Select[Any]) -> None:
        super().__init__(column, found.scalar_subquery())

    def self_group(self, against: Any = None) -> Any:
        return self  # see any_of


class any_joined(any_found):
    """The same of rows that are then joined to those that are found: it leaves out what the join would.

    SQLite, which looks each up in any case, is told nothing.
    """

    inherit_cache = True


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


@compiles(any_found, "sqlite")
def _sqlite_found(element: any_found, compiler: Any, **kw: Any) -> str:
    column, found = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN {found}"


@compiles(any_joined, "sqlite")
def _sqlite_joined(element: any_joined, compiler: Any, **kw: Any) -> str:
    return "1"


@compiles(any_found, "postgresql")
@compiles(any_joined, "postgresql")
def _postgresql_found(element: any_found, compiler: Any, **kw: Any) -> str:
    column, found = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY(ARRAY{found})"
