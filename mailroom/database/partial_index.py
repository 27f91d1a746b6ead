"""Partial index: of those rows only for which a condition holds."""

from __future__ import annotations

from sqlalchemy import Index, TextClause, text


def condition(sql: str) -> TextClause:
    """A condition in the very words of an index: to use it, planners compare text."""
    return text(sql)


def partial_index(name: str, *columns: str, where: TextClause) -> Index:
    """Of the rows for which `where` holds, in the order of `columns`."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)
