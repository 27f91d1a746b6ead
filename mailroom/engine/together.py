"""What threads of one process write at the same moment goes into one transaction, on SQLite.

SQLite has one write lock, and a durable commit holds it for a disk's flush. So whoever has
their turn writes for all who wait behind: one flush for all of them. PostgreSQL does this
by itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, text

from mailroom.database import Database
from mailroom.ledger.driven import Driven

SAVEPOINT = Driven(text("SAVEPOINT turn"))
ROLLBACK = Driven(text("ROLLBACK TO turn"))
RELEASE = Driven(text("RELEASE turn"))

AT_MOST = 50
"""Works in one transaction: other processes want the lock too."""

T = TypeVar("T")


def write(database: Database, work: Callable[[Connection], T]) -> T:
    """Runs `work` in a transaction and commits it; what it raises undoes its own writes only."""
    if not database.is_sqlite:
        with database.begin() as connection:
            return work(connection)
    with _guard:
        line = _lines.setdefault(database, _Line())
    return line.write(database, work)


class _Turn(Generic[T]):
    """One thread's work, and what became of it."""

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.result: T
        self.error: BaseException | None = None
        self.is_over = False

    def run(self, connection: Connection) -> None:
        self.result = self.work(connection)


class _Line:
    """Those who wait to write to one database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Turn[Any]] = deque()

    def write(self, database: Database, work: Callable[[Connection], T]) -> T:
        mine = _Turn(work)
        self._waiting.append(mine)
        while not mine.is_over:
            with self._lock:
                if not mine.is_over:
                    self._write_some(database)
        if mine.error is not None:
            raise mine.error
        return mine.result

    def _write_some(self, database: Database) -> None:
        some = [self._waiting.popleft() for _ in range(min(AT_MOST, len(self._waiting)))]
        try:
            with database.begin() as connection:
                if len(some) == 1:
                    some[0].run(connection)
                else:
                    for turn in some:
                        _run_apart(turn, connection)
        except BaseException as error:
            for turn in some:
                turn.error = error
        finally:
            for turn in some:
                turn.is_over = True


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
