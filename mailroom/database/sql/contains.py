"""Substring search as it is: whether a text contains another one, letter by letter.

No LIKE: SQLite's compares a pattern of two hundred letters from every letter on, and takes minutes for a list
that somebody made for it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class contains(FunctionElement[bool]):
    """`contains(column, words)`: words, or a parameter for them."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], words: str | BindParameter[str]) -> None:
        super().__init__(column, literal(words) if isinstance(words, str) else words)

    def self_group(self, against: Any = None) -> Any:
        return self  # see any_of


@compiles(contains, "sqlite")
def _sqlite(element: contains, compiler: Any, **kw: Any) -> str:
    column, words = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(instr({column}, {words}) > 0)"


@compiles(contains, "postgresql")
def _postgresql(element: contains, compiler: Any, **kw: Any) -> str:
    column, words = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(strpos({column}, {words}) > 0)"
