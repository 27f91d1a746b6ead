"""Planner hints: what PostgreSQL is told for one transaction, and SQLite need not be."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import CTE, ColumnElement, Connection, Select, func, literal_column, text

from mailroom.database.statement import Statement

T = TypeVar("T")

NO_FLUSH = Statement(text("SET LOCAL synchronous_commit = off"))
KEEP_PLANS = Statement(
    text(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), "
        "set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)"
    )
)
NO_SORT = Statement(text("SET LOCAL enable_sort = off"))

BY_ITSELF = Statement(text("SET LOCAL max_parallel_workers_per_gather = 0"))


def flush_with_a_later_commit(connection: Connection) -> None:
    """This transaction promises nothing yet: its commit need not wait for the disk.

    A later commit that does waits for all that was committed before it.
    """
    _set(connection, NO_FLUSH)


def read_in_order_of_an_index(connection: Connection) -> None:
    """Not sorted: what was written a moment ago, or is of one state, the planner may take for little."""
    _set(connection, NO_SORT)


def without_parallel_workers(connection: Connection) -> None:
    """For what a page reads: to share some thousand rows among processes takes each of them as long as all of
    the rows, and others wait for the processors meanwhile.
    """
    _set(connection, BY_ITSELF)


def keep_plans(connection: Connection) -> None:
    """What this transaction runs is found by keys alone, whichever are given: to plan it anew for each of
    them would take as long as to run it. Not for a statement whose parameters decide about an index.

    Nor would a plan be of much use that was made in a ledger of a few mails, and reads all of them.
    """
    _set(connection, KEEP_PLANS)


def read_first(rows: Select[Any], name: str) -> CTE:
    """SQL: these rows, found by their own conditions before anything is joined to them."""
    return rows.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def without_its_index(column: ColumnElement[T], nothing: str = "0") -> ColumnElement[T]:
    """SQL: a column of rows that are found by another one. `nothing`: any of its values, as SQL.

    Of what was written a moment ago the planner has no statistics: it would read whatever this column's index
    has for a value, or all rows in its order. Nor does it say that the column holds something, by which an
    index of the rows where it does would be read from end to end: where statistics call that one empty.
    """
    return func.coalesce(column, literal_column(nothing))


def _set(connection: Connection, setting: Statement) -> None:
    if connection.dialect.name == "postgresql":
        setting.do(connection)
