"""Raw connection: statements run by the driver alone, for the send loop's commit a mail.

On SQLite they take some microseconds, and are run where they are asked for. On PostgreSQL they are a round
trip: what is usual is asked from the event loop, which goes on meanwhile. Whatever must be waited for has a
thread of the connection's own: there it is opened and closed, and errors are dealt with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import attrgetter, methodcaller
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from mailroom import supervision
from mailroom.database.connection import asking, pipeline
from mailroom.database.connection.asking import PreparedStatement, Question, Values
from mailroom.database.connection.page_cache import NOTHING_MAPPED
from mailroom.database.connection.pipeline import as_sqlalchemy
from mailroom.database.connection.pooler import EACH_TRANSACTION
from mailroom.database.connection.write_lock import IMPATIENT, PACES_OF_MARKS, WriteLock

T = TypeVar("T")

THREAD_ENDS_WITHIN = 2.0
"""Seconds that a connection's thread may take to end; it goes with its process in any case."""

ONE_BY_ONE = """
SET default_transaction_isolation = 'read committed';
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""Settings of PostgreSQL's. What takes lists would be planned each time: for a short one that seems to be
cheaper. And a plan that is kept is as old as its connection: made in a ledger of a few mails it would read
all of them, however many there are by then. So rows are found by their keys from the beginning.
"""

CHANGED = attrgetter("rowcount")
RETURNED = methodcaller("fetchall")


class RawConnection:
    """One connection without SQLAlchemy's cost per statement: for the send loop, a commit a mail.

    Raises DBAPIError, as SQLAlchemy does. Not for two threads at once.
    """

    def __init__(self, engine: Engine, write_lock: WriteLock | None) -> None:
        self.engine = engine
        self._driver: Any = engine.dialect.loaded_dbapi
        self._write_lock = write_lock
        self._pooled: PoolProxiedConnection | None = None
        self._knows: set[bytes] = set()  # the statements that are prepared there
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._given = self._done = 0  # to the thread, by the thread: each counted by one of the two alone
        self._is_asked = False
        self._after_the_answer: list[Callable[[], object]] = []

    @property
    def is_remote(self) -> bool:
        """Whether a statement is a round trip, so that one for many rows is worth its while."""
        return self._write_lock is None

    def do(self, work: Callable[[], object]) -> None:
        """Has `work` done, which uses this connection: at once, or in its thread, one after the other."""
        if not self.is_remote:
            work()
            return
        if self._is_asked:
            self._after_the_answer.append(work)
            return
        if self._thread is None:
            self._thread = supervision.beside("writing marks and outcomes", self._work_on)
        self._given += 1
        self._work.put(work)

    def _work_on(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._done += 1
        self.close()

    def end(self) -> None:
        """Closes it, after what there is to do."""
        if self._thread is None:
            self.close()
        else:
            self._work.put(None)
            self._thread.join(THREAD_ENDS_WITHIN)

    def run(self, statements: Iterable[tuple[str, Any]], read: Callable[[Any], T]) -> list[T]:
        """Executes (SQL, parameters) in one transaction; CHANGED or RETURNED of each one."""
        if (lock := self._write_lock) is None:
            return self._guarded(lambda: self._run_at_once(statements, read))
        with lock.one():
            return self._guarded(lambda: self._run(lock, statements, read))

    def change_each(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> bool:
        """Executes each SQL for all of its parameters, in one transaction, on SQLite. False: not every one of
        them changed a row, and nothing is written.

        For each of them the driver is called once, not for each row.
        """
        lock = self._write_lock
        assert lock is not None
        with lock.one():
            return self._guarded(lambda: self._change_each(lock, statements))

    def _guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except self._driver.Error as error:
            self.close()
            raise as_sqlalchemy(error, "", self.engine.dialect) from error
        except BaseException:
            self.close()
            raise

    def _run(
        self, lock: WriteLock, statements: Iterable[tuple[str, Any]], read: Callable[[Any], T]
    ) -> list[T]:
        pooled, cursor = self._begun(lock)
        found = [read(cursor.execute(*statement)) for statement in statements]
        pooled.commit()
        return found

    def _change_each(self, lock: WriteLock, statements: Iterable[tuple[str, Sequence[Any]]]) -> bool:
        pooled, cursor = self._begun(lock)
        for sql, rows in statements:
            if rows and cursor.executemany(sql, rows).rowcount != len(rows):
                pooled.rollback()
                return False
        pooled.commit()
        return True

    def _begun(self, lock: WriteLock) -> tuple[PoolProxiedConnection, Any]:
        pooled = self._pooled = self._pooled or self._open()
        cursor = pooled.cursor()
        lock.begin_impatient(cursor, PACES_OF_MARKS)
        return pooled, cursor

    def _run_at_once(self, statements: Iterable[tuple[str, Any]], read: Callable[[Any], T]) -> list[T]:
        """All of it in one round trip."""
        pooled = self._pooled = self._pooled or self._open()
        connection: Any = pooled.driver_connection
        settings_made, given = pooled.info.get(EACH_TRANSACTION), list(statements)
        if len(given) == 1 and not settings_made:
            return [read(connection.execute(*given[0]))]  # commits by itself
        with pipeline.transaction(connection, settings_made):
            cursors = [connection.execute(*statement) for statement in given]
        return [read(cursor) for cursor in cursors]

    def learn(self, statement: PreparedStatement) -> None:
        """Has the connection that is open know it, if nobody else uses that: for `ask`."""
        if statement.name in self._knows or self._pooled is None or self._pooled.info.get(EACH_TRANSACTION):
            return
        driver_s: Any = self._pooled.driver_connection
        try:
            asking.prepare(driver_s, statement)
        except self._driver.Error as error:
            self.close()
            raise as_sqlalchemy(error, "", self.engine.dialect) from error
        self._knows.add(statement.name)

    def may_be_asked(self, statement: PreparedStatement) -> bool:
        """Whether it knows that, and nothing else is under way: parked sessions of a job before share it."""
        return statement.name in self._knows and not self._is_asked and self._given == self._done

    def ask(
        self,
        loop: asyncio.AbstractEventLoop,
        statement: PreparedStatement,
        values: Values,
        heard: Callable[[Any, Exception | None], None],
    ) -> None:
        """Runs it in a transaction of its own, without waiting: `heard` is called in `loop`, with libpq's
        result or a DBAPIError, after which this connection is to be closed. What there is to `do` meanwhile
        is done after it.
        """
        assert self._pooled is not None and self.may_be_asked(statement)
        driver_s: Any = self._pooled.driver_connection
        dialect = self.engine.dialect

        def known(result: Any, error: Exception | None) -> None:
            self._is_asked = False
            heard(result, None if error is None else as_sqlalchemy(error, "", dialect))
            waiting, self._after_the_answer = self._after_the_answer, []
            for work in waiting:
                self.do(work)

        self._is_asked = True
        Question(loop, driver_s, known).ask(statement, values)

    def _open(self) -> PoolProxiedConnection:
        pooled = self.engine.raw_connection()
        if self._write_lock is not None:
            pooled.cursor().execute(IMPATIENT)
            pooled.cursor().execute(NOTHING_MAPPED)
        else:
            driver_s: Any = pooled.driver_connection
            if EACH_TRANSACTION not in pooled.info:
                driver_s.execute(ONE_BY_ONE)
        return pooled

    def close(self) -> None:
        """Rolls back what was not committed; the next run opens a connection anew."""
        if self._pooled is not None:
            # SQLite closes no connection, and keeps its lock, while a traceback holds one of its cursors.
            with suppress(Exception):
                self._pooled.rollback()
            self._pooled.invalidate()
            self._pooled = None
            self._knows.clear()
