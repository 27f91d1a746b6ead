"""Substring search: whether a text contains another one, be letters large or small."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

ESCAPE = "/"


def pattern_of(words: str) -> str:
    """What LIKE is told to find them anywhere."""
    for special in (ESCAPE, "%", "_"):
        words = words.replace(special, ESCAPE + special)
    return f"%{words}%"


class contains_in_any_case(FunctionElement[bool]):
    """`contains_in_any_case(column, words)`: in it are these words, in which % and _ stand for themselves.

    Or a parameter, which is given a `pattern_of` them.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], words: str | BindParameter[str]) -> None:
        super().__init__(column, literal(pattern_of(words)) if isinstance(words, str) else words)

    def self_group(self, against: Any = None) -> Any:
        return self  # see any_of


@compiles(contains_in_any_case, "sqlite")
def _sqlite(element: contains_in_any_case, compiler: Any, **kw: Any) -> str:
    # LIKE does not look at case there. To make every text small first takes longer than to search it.
    column, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '{ESCAPE}')"


@compiles(contains_in_any_case, "postgresql")
def _postgresql(element: contains_in_any_case, compiler: Any, **kw: Any) -> str:
    column, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(lower({column}) LIKE lower({pattern}) ESCAPE '{ESCAPE}')"
