"""Group commit: what threads of one process write at the same moment is one transaction, on SQLite.

SQLite has one write lock, and a durable commit holds it for a disk's flush. So whoever has
their turn writes for all who wait behind: one flush for all of them. PostgreSQL does this
by itself.

Whoever looks for what is being written waits there for the lock, and so for the commit: what follows it can
begin `meanwhile`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, text

from mailroom.database.engine import Database
from mailroom.database.statement import Statement

SAVEPOINT = Statement(text("SAVEPOINT turn"))
ROLLBACK = Statement(text("ROLLBACK TO turn"))
RELEASE = Statement(text("RELEASE turn"))

LARGEST_GROUP = 50
"""Works in one transaction: other processes want the lock too."""

T = TypeVar("T")


def write(
    database: Database,
    work: Callable[[Connection], T],
    meanwhile: Callable[[T], object] = lambda result: None,
) -> T:
    """Runs `work` in a transaction and commits it; what it raises undoes its own writes only.

    `meanwhile` is told what `work` returned when all but the commit is done, which may still fail: on SQLite,
    and if nobody else would wait for it. It holds the write lock, so it must not wait, nor raise.
    """
    if not database.is_sqlite:
        with database.begin_at_once() as connection:
            return work(connection)
    with _guard:
        line = _lines.get(database) or _lines.setdefault(database, _Line(database))
    return line.write(work, meanwhile)


class _Turn(Generic[T]):
    """One thread's work, and what became of it."""

    def __init__(self, work: Callable[[Connection], T], meanwhile: Callable[[T], object]) -> None:
        self.work = work
        self.meanwhile = meanwhile
        self.result: T
        self.error: BaseException | None = None
        self.is_over = False
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def run(self, connection: Connection) -> None:
        self.result = self.work(connection)

    def sleep(self) -> None:
        """Until `wake`, from whatever thread and whenever that comes."""
        self._asleep.acquire()

    def wake(self) -> None:
        self._asleep.release()


class _Line:
    """Those who wait to write to one database. One of them writes, the others sleep.

    Who wakes is either done or the next one to write: nobody wakes to find out which.
    """

    def __init__(self, database: Database) -> None:
        self._transactions = database.kept_open()
        self._lock = threading.Lock()
        self._waiting: deque[_Turn[Any]] = deque()
        self._somebody_writes = False

    def write(self, work: Callable[[Connection], T], meanwhile: Callable[[T], object]) -> T:
        mine = _Turn(work, meanwhile)
        with self._lock:
            self._waiting.append(mine)
            must_wait, self._somebody_writes = self._somebody_writes, True
        if must_wait:
            mine.sleep()
        if not mine.is_over:
            self._write_some()
        if mine.error is not None:
            raise mine.error
        return mine.result

    def _write_some(self) -> None:
        """For whoever is the first in line, those behind, and those who come while these are written."""
        some: list[_Turn[Any]] = []
        with self._lock:
            have_waited = len(self._waiting)
        try:
            with self._transactions.begin() as connection:
                while turn := self._next(some):
                    if len(some) == 1 and not self._waiting:
                        turn.run(connection)
                    else:
                        _run_apart(turn, connection)
                if len(some) == 1:
                    some[0].meanwhile(some[0].result)
        except BaseException as error:
            if not some:  # no transaction: for as long as the first of them, all have waited for one
                while len(some) < have_waited and self._next(some):
                    pass
            for turn in some:
                turn.error = error
        finally:
            self._let_go_on(some)

    def _next(self, some: list[_Turn[Any]]) -> _Turn[Any] | None:
        """The next one in line, who joins `some`."""
        with self._lock:
            if not self._waiting or len(some) >= LARGEST_GROUP:
                return None
            some.append(self._waiting.popleft())
            return some[-1]

    def _let_go_on(self, done: Sequence[_Turn[Any]]) -> None:
        with self._lock:
            first = self._waiting[0] if self._waiting else None
            self._somebody_writes = first is not None
        if first is not None:
            first.wake()
        for turn in done:
            turn.is_over = True
            turn.wake()


def _run_apart(turn: _Turn[Any], connection: Connection) -> None:
    """What fails is undone by itself. SQLAlchemy's own savepoints take ten times as long."""
    SAVEPOINT.run(connection)
    try:
        turn.run(connection)
    except Exception as error:
        turn.error = error
        ROLLBACK.run(connection)
    RELEASE.run(connection)


_guard = threading.Lock()
_lines: WeakKeyDictionary[Database, _Line] = WeakKeyDictionary()
