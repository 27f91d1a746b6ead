"""Asking PostgreSQL from an event loop: a prepared statement is sent, and its answer read when it is there.

By libpq alone (psycopg.pq): no thread, to which the interpreter would be handed over and back, and no
cursor. Nothing here waits.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result
from sqlalchemy import ARRAY, BindParameter, Dialect, Executable, Integer
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.types import TypeEngine

from mailroom.database.statement import with_literals

DIALECT: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
"""PostgreSQL's own parameters: $1, $2."""

Values = list[bytes | None]
Heard = Callable[[pq.abc.PGresult | None, psycopg.Error | None], None]
"""Is given the result, or the error that the driver would have raised."""

ASKED_AGAIN_EVERY = 1.0
"""Seconds in which an event loop that says nothing is not believed: uvloop forgets a connection whose server
died with something of ours unread.
"""

ESCAPED = re.compile(r'(["\\])')


class PreparedStatement:
    """A statement that a connection knows by name, with parameters in PostgreSQL's own text."""

    def __init__(self, name: str, statement: Executable) -> None:
        compiled: Any = with_literals(statement, DIALECT).compile(dialect=DIALECT)
        self.name = name.encode()
        self.sql = str(compiled).encode()
        self._order: list[str] = compiled.positiontup
        self._binds: dict[str, BindParameter[Any]] = {name: b for b, name in compiled.bind_names.items()}

    def bound(self, names: Sequence[str], **values: Any) -> Callable[..., Values]:
        """Takes the values of `names` in order, adds `values`. Raises ValueError if one cannot be sent."""
        given = [bind for bind in self._binds.items() if not bind[1].required]
        same = {**{name: bind.effective_value for name, bind in given}, **values}
        template = [None if same.get(name) is None else _word(same[name]) for name in self._order]
        places = [(self._order.index(name), _writer(self._binds[name].type)) for name in names]

        def written(*given: Any) -> Values:
            filled = template.copy()
            for (place, write), value in zip(places, given, strict=True):
                filled[place] = write(value)
            return filled

        return written


def _word(value: Any) -> bytes:
    return str(value).encode()


def _numbers(values: Sequence[int | None]) -> bytes:
    return _array(["NULL" if value is None else str(value) for value in values])


def _words(values: Sequence[str]) -> bytes:
    words = _array([f'"{value}"' for value in [ESCAPED.sub(r"\\\1", value) for value in values]])
    if b"\0" in words:
        raise ValueError("PostgreSQL keeps no NUL in a text")
    return words


def _array(written: Sequence[str]) -> bytes:
    return ("{" + ",".join(written) + "}").encode()


def _writer(type_: TypeEngine[Any]) -> Callable[[Any], bytes]:
    if not isinstance(type_, ARRAY):
        return _word
    return _numbers if isinstance(type_.item_type, Integer) else _words


def prepare(connection: psycopg.Connection[Any], statement: PreparedStatement) -> None:
    """Has `connection` know it. Waits. Raises the driver's error."""
    result = connection.pgconn.prepare(statement.name, statement.sql)
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise error_from_result(result)


class Question:
    """One statement under way. Nothing else may use its connection until `heard` was called."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: psycopg.Connection[Any], heard: Heard
    ) -> None:
        self._loop = loop
        self._driver_s = connection.pgconn
        self._socket = connection.pgconn.socket
        self._heard = heard
        self._result: pq.abc.PGresult | None = None
        self._look: asyncio.TimerHandle | None = None

    def ask(self, statement: PreparedStatement, values: Values) -> None:
        """`heard` is called in a later turn of the loop."""
        try:
            self._driver_s.send_query_prepared(statement.name, values)
            is_left = self._driver_s.flush()
        except psycopg.Error as error:
            self._loop.call_soon(self._heard, None, error)
            return
        self._read_when_there_is_something()
        if is_left:
            self._loop.add_writer(self._socket, self._read)
        self._look = self._loop.call_later(ASKED_AGAIN_EVERY, self._look_again)

    def _read_when_there_is_something(self) -> None:
        self._loop.add_reader(self._socket, self._read)

    def _look_again(self) -> None:
        self._look = self._loop.call_later(ASKED_AGAIN_EVERY, self._look_again)
        socket = select.poll()
        socket.register(self._socket, select.POLLIN)
        if socket.poll(0):
            self._read()

    def _read(self) -> None:
        try:
            self._driver_s.consume_input()
            if not self._driver_s.flush():
                self._loop.remove_writer(self._socket)
            while not self._driver_s.is_busy():
                if (found := self._driver_s.get_result()) is None:
                    self._end(self._fault())
                    return
                self._result = found
        except psycopg.Error as error:
            self._end(error)

    def _fault(self) -> psycopg.Error | None:
        if self._result is None:
            return psycopg.OperationalError("the server gave no answer")
        return None if self._result.status == pq.ExecStatus.TUPLES_OK else error_from_result(self._result)

    def _end(self, error: psycopg.Error | None) -> None:
        assert self._look is not None
        self._look.cancel()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._heard(self._result, error)
