"""Write probe: a row that is written and taken back, for a ledger may answer and let nobody write.

A standby, a disk that its owner locked, a role without rights: whoever only reads finds all well.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from weakref import WeakKeyDictionary

from sqlalchemy import insert

from mailroom.database.engine import Database
from mailroom.ledger.schema import sweeper

WRITE_PROBED_EVERY = 5.0
"""Seconds for which an answer holds, whoever asks: what is taken back leaves a dead row in PostgreSQL."""

WRITE_PROBE_WAITS = 1.5
"""Seconds to wait for somebody else's probe."""


class Locked(Exception):
    """Somebody else writes all the while."""


class _TakenBack(Exception):
    pass


class _Probe:
    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._asked_at: float | None = None
        self._error: Exception | None = None

    def ask(self, database: Database) -> None:
        if not self._turn.acquire(timeout=WRITE_PROBE_WAITS):
            raise Locked
        try:
            now = time.monotonic()
            if self._asked_at is None or now - self._asked_at >= WRITE_PROBED_EVERY:
                self._error = None
                try:
                    _write(database)
                except Exception as error:
                    self._error = error
                self._asked_at = time.monotonic()
            if self._error is not None:
                raise self._error
        finally:
            self._turn.release()


def probe_writing(database: Database) -> None:
    """Raises SQLAlchemyError when the ledger cannot be written, and Locked."""
    with _guard:
        probe = _probes.setdefault(database, _Probe())
    probe.ask(database)


def _write(database: Database) -> None:
    number = -2 - secrets.randbelow(
        2**31 - 2
    )  # one of its own: two that were the same would wait for each other
    row = insert(sweeper).values(id=number, owner="a probe", swept_at=0, round_ms=0)
    with suppress(_TakenBack), database.begin() as connection:
        connection.execute(row)
        raise _TakenBack


_guard = threading.Lock()
_probes: WeakKeyDictionary[Database, _Probe] = WeakKeyDictionary()
