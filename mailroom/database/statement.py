"""Statements that every request runs: compiled once, then run by the driver itself.

In a pipeline `do` and `later` are no round trip.

To run a statement takes SQLAlchemy 50 microseconds and the driver 5, and a small acceptance
holds SQLite's one write lock meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any
from weakref import WeakSet

from sqlalchemy import JSON, BindParameter, Connection, Dialect, Engine, Executable, literal_column
from sqlalchemy.sql import visitors

from mailroom.database.connection import begin, pipeline
from mailroom.database.connection.pipeline import as_sqlalchemy

Converter = Callable[[Any], Any]

EachBound = Callable[[Iterable[Sequence[Any]]], tuple[str, list[tuple[Any, ...]]]]
"""The statement, and its parameters for each row."""

READ_TOGETHER = 1 << 20
"""Characters of JSON, of all rows together, that are read as one text: there they are held once more."""


def execute(connection: Connection, run: Callable[[str, Any], Any], sql: str, given: Any) -> None:
    """`run` is the driver's own method; its errors become SQLAlchemy's, for callers know no driver."""
    try:
        run(sql, given)
    except connection.dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy(error, sql, connection.dialect) from error


def is_remote(connection: Connection) -> bool:
    """Whether a statement is a round trip."""
    return connection.dialect.name != "sqlite"


class Statement:
    """One statement, on whatever database it is run. Values and columns are converted as their types say.

    `columns`: those that an INSERT gives values for. No `expanding` parameters. `dialect`: the name of the
    only one that understands it, if it is no other's.
    """

    def __init__(
        self, statement: Executable, columns: Sequence[str] | None = None, dialect: str | None = None
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._dialect = dialect
        self._compiled: dict[str, CompiledStatement] = {}
        _MADE.add(self)

    @staticmethod
    def compose_all(dialect: Dialect) -> None:
        """Those that there are, for that database: each takes a millisecond, for which who runs it first
        waits, in every process that was forked before.
        """
        for statement in list(_MADE):
            if statement._dialect in (None, dialect.name):
                statement.on(dialect)

    def run(self, connection: Connection, **values: Any) -> int:
        """How many rows it changed."""
        cursor = self._cursor(connection, values)
        pipeline.wait(connection)
        return int(cursor.rowcount)

    def do(self, connection: Connection, **values: Any) -> None:
        """Nobody waits for its answer."""
        self._cursor(connection, values)

    def later(self, connection: Connection, **values: Any) -> Callable[[], list[tuple[Any, ...]]]:
        """Asks now; the rows are to be had from what it returns, after the transaction as well."""
        cursor, compiled = self._cursor(connection, values), self._for(connection)
        if pipeline.is_on(connection):

            def answer() -> list[tuple[Any, ...]]:
                if cursor.pgresult is None:
                    pipeline.let_others_ask(connection)
                return compiled.rows(cursor.fetchall())

            return answer
        rows = compiled.rows(cursor.fetchall())
        return lambda: rows

    def one(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The only row, or None."""
        cursor = self._cursor(connection, values)
        pipeline.wait(connection)
        row = cursor.fetchone()
        return None if row is None else self._for(connection).row(row)

    def all(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        cursor = self._cursor(connection, values)
        pipeline.wait(connection)
        return self._for(connection).rows(cursor.fetchall())

    def run_each(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Once for each of `rows`."""
        compiled = self._for(connection)
        given = [compiled.parameters(row) for row in rows]
        execute(connection, connection.connection.cursor().executemany, compiled.sql, given)

    def bound(self, engine: Engine, names: Sequence[str], **values: Any) -> Callable[..., tuple[str, Any]]:
        """For RawConnection.run: takes the values of `names` in order, and adds `values`. Converts none."""
        return self.on(engine.dialect).bound(names, values)

    def bound_each(self, engine: Engine, names: Sequence[str], **values: Any) -> EachBound:
        """The same for RawConnection.change_each: takes rows, each with the values of `names`."""
        return self.on(engine.dialect).bound_each(names, values)

    def _cursor(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        compiled, cursor = self._for(connection), connection.connection.cursor()
        run = partial(begin.run_with_begin, connection, cursor) if is_remote(connection) else cursor.execute
        execute(connection, run, compiled.sql, compiled.parameters(values))
        return cursor

    def _for(self, connection: Connection) -> CompiledStatement:
        return self.on(connection.dialect)

    def on(self, dialect: Dialect) -> CompiledStatement:
        """As that database understands it."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = CompiledStatement(self._statement, dialect, self._columns)
        return found


_MADE: WeakSet[Statement] = WeakSet()


def _read_together(texts: Iterable[str | None]) -> list[Any] | None:
    """JSON texts read as one, which takes a quarter of the time. None: each is to be read by itself."""
    written = ["null" if text is None else text for text in texts]
    # SQLite gives back a number for a text that is one.
    if not all(type(text) is str for text in written) or sum(map(len, written)) > READ_TOGETHER:
        return None
    found: list[Any] = json.loads(f"[{','.join(written)}]")
    return found if len(found) == len(written) else None


def with_literals(statement: Any, dialect: Dialect) -> Any:
    """The statement with its own values in its words.

    SQLite plans a statement anew whenever a parameter that decides about a partial index is given, even
    the same one again: that takes as long as to run it.
    """

    def literal(part: Any, **_: Any) -> Any:
        if not isinstance(part, BindParameter) or part.required or part.type._isnull:
            return None
        words = str(part.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        return None if "%" in words else literal_column(words, part.type)  # drivers escape it, some twice

    return visitors.replacement_traverse(statement, {}, replace=literal)  # type: ignore[call-overload]


class CompiledStatement:
    """A statement in the words of one dialect."""

    def __init__(self, statement: Executable, dialect: Dialect, columns: Sequence[str] | None) -> None:
        compiled: Any = with_literals(statement, dialect).compile(dialect=dialect, column_keys=columns)
        self.sql = str(compiled)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        converters: dict[str, Converter | None] = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in binds.items()
        }
        self._constants = {
            name: convert(bind.effective_value) if (convert := converters[name]) else bind.effective_value
            for name, bind in binds.items()
            if not bind.required
        }
        # In the driver's own order, if it wants one; with what makes each value that is given the driver's.
        self._is_ordered = compiled.positiontup is not None
        self._places = [
            (name, None if name in self._constants else converters[name])
            for name in compiled.positiontup or binds
        ]
        returned = getattr(statement, "exported_columns", ())
        results = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in returned]
        self._results: list[tuple[int, Converter]] = [
            (place, result) for place, result in enumerate(results) if result is not None
        ]
        self._json = {place for place, column in enumerate(returned) if isinstance(column.type, JSON)}

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """As the driver takes them. Raises KeyError for a value that is missing."""
        given = {**self._constants, **values} if self._constants else values
        if not self._is_ordered:
            return {n: given[n] if convert is None else convert(given[n]) for n, convert in self._places}
        return tuple([given[n] if convert is None else convert(given[n]) for n, convert in self._places])

    def bound(self, names: Sequence[str], values: Mapping[str, Any]) -> Callable[..., tuple[str, Any]]:
        sql, same = self.sql, {**self._constants, **values}
        if not self._is_ordered:
            return lambda *given: (sql, {**same, **dict(zip(names, given, strict=True))})
        order = [name for name, _ in self._places]
        template = [same.get(name) for name in order]
        places = [(order.index(name), at) for at, name in enumerate(names)]
        assert sorted(order) == sorted([*(n for n in order if n in same), *names]), "each name once"

        def parameters(*given: Any) -> tuple[str, Any]:
            filled = template.copy()
            for place, at in places:
                filled[place] = given[at]
            return sql, filled

        return parameters

    def bound_each(self, names: Sequence[str], values: Mapping[str, Any]) -> EachBound:
        assert self._is_ordered, "a driver that takes values by name"
        sql, same = self.sql, {**self._constants, **values}
        order, given = [name for name, _ in self._places], [*same, *names]
        assert len(order) > 1, "or it would pick no row"
        pick, kept = itemgetter(*map(given.index, order)), tuple(same.values())
        return lambda rows: (sql, [pick((*kept, *row)) for row in rows])

    def rows(self, found: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Column by column: a batch is a hundred rows, and a call for each would cost more than the query."""
        if not self._results or not found:
            return [tuple(row) for row in found]
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for place, result in self._results:
            column = columns[place]
            columns[place] = (place in self._json and _read_together(column)) or map(result, column)
        return list(zip(*columns, strict=True))

    def row(self, found: Sequence[Any]) -> tuple[Any, ...]:
        row = list(found)
        for place, result in self._results:
            row[place] = result(row[place])
        return tuple(row)
