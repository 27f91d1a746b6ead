"""Connections to SQLite: how each is opened and set up, and its file closed to others."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from mailroom import files
from mailroom.database.connection.page_cache import USUAL_CACHE, USUALLY_MAPPED
from mailroom.database.connection.write_lock import WriteLock


def is_missing(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # the driver says what is wrong
        return False
    return False


def _make_private(path: Path) -> None:
    """SQLite would make a file as everybody may read it; those beside it get the rights that it has."""
    with suppress(OSError):  # then SQLite says what is wrong
        files.create(path)
        for end in ("-wal", "-shm", "-journal"):
            files.close_to_others(path.with_name(path.name + end))


def set_up_sqlite(
    engine: Engine, synchronous: str, busy_timeout: int, write_lock: WriteLock, creates: bool
) -> None:
    """`synchronous`: when a commit waits for the disk. `busy_timeout`: milliseconds. `creates`: the file."""

    @event.listens_for(engine, "do_connect")
    def _open_file(dialect: Any, record: Any, arguments: Any, options: Any) -> None:
        if options.get("uri"):  # the driver's own way to name a file, and how it may be used
            return
        path = Path(arguments[0])
        # An empty one in its place would hide that the folder is wrong, or its disk not mounted.
        if not creates and is_missing(path):
            raise sqlite3.OperationalError(f"unable to open database file: there is none at {path}")
        _make_private(path)

    @event.listens_for(engine, "connect")
    def _pragmas(dbapi_connection: Any, record: Any) -> None:
        # Our own BEGIN, never the driver's: it would begin late, and deferred.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {busy_timeout}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute(f"PRAGMA cache_size = -{USUAL_CACHE}")
        cursor.execute(f"PRAGMA mmap_size = {USUALLY_MAPPED}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options, cursor = connection.get_execution_options(), connection.connection.cursor()
        try:
            if not options.get("mailroom_writes"):
                cursor.execute("BEGIN")  # by SQLAlchemy it would take as long as a small question
            elif options.get("mailroom_impatient"):
                write_lock.begin_impatient(cursor)
            else:
                write_lock.begin(cursor)
        except sqlite3.Error as error:
            raise OperationalError("BEGIN", None, error) from error
