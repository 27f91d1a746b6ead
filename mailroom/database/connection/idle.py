"""Idle connections: one that was not used for a moment is asked whether it is still open, before it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

ASKED_AFTER = 1.0
"""Seconds. To ask is a round trip, as much as most requests' own statement takes."""

USED_AT = "mailroom.used_at"


_asker = threading.local()


@contextmanager
def unasked() -> Iterator[None]:
    """For who takes a connection, and another one should it be dead."""
    _asker.is_silent = True
    try:
        yield
    finally:
        _asker.is_silent = False


def ask_after(engine: Engine) -> None:
    """Of a pool's connections, before they are used. One that is dead takes those before it along."""

    @event.listens_for(engine, "checkout")
    def _ask(dbapi_connection: Any, record: Any, proxy: Any) -> None:
        used_at = record.info.get(USED_AT)
        if used_at is None or time.monotonic() - used_at < ASKED_AFTER or getattr(_asker, "is_silent", False):
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    @event.listens_for(engine, "checkin")
    def _note(dbapi_connection: Any, record: Any) -> None:
        record.info[USED_AT] = time.monotonic()
