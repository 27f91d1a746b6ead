"""Room for programs: how many lists, repeats and templates are kept of each, for nobody looks after them.

Every page of a list, every name that is looked for and every tick goes through them. What people keep is
not counted: they see it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, select

LISTS_OF_PROGRAM, TEMPLATES_OF_PROGRAM = 1_000, 1_000
REPEATS_OF_PROGRAM = 200
"""That may still tick."""


class ProgramIsFull(Exception):
    """Nothing was kept. `str()` is a sentence."""


def refuse_more(connection: Connection, kept: Select[Any], most: int, words: str) -> None:
    """Raises ProgramIsFull when these rows are `most` or more."""
    some = kept.limit(most).subquery()
    if connection.execute(select(func.count()).select_from(some)).scalar_one() >= most:
        raise ProgramIsFull(f"{most:,} {words}")
