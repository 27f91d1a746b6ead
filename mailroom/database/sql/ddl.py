"""DDL: keys and indexes, which the two databases spell differently."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Index, Integer, Table, TextClause, text

# SQLite gives rowids (fast, never reused with AUTOINCREMENT) to INTEGER keys only.
Id = BigInteger().with_variant(Integer, "sqlite")

NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}
"""For a table whose ids stand elsewhere too: that of a row which is gone never comes again."""


def is_never_reused(table: Table) -> bool:
    """Whether it was made with NEVER_REUSED."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def condition(sql: str) -> TextClause:
    """A condition in the very words of an index: to use it, planners compare text."""
    return text(sql)


def partial_index(name: str, *columns: str, where: TextClause) -> Index:
    """Of the rows for which `where` holds, in the order of `columns`."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def equality_index(name: str, column: str, where: TextClause) -> Index:
    """The same for values of any length, as a stranger may have chosen them: only = finds them."""
    return Index(name, column, sqlite_where=where, postgresql_where=where, postgresql_using="hash")
