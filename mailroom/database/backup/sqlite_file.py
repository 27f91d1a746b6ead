"""SQLite's backup API: a copy of the file at one moment, whoever writes to it meanwhile."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url

from mailroom import files
from mailroom.database.backup.failed import BackupFailed
from mailroom.database.backup.store import VERSION_TABLE, Prepare
from mailroom.database.engine import url_of_file
from mailroom.database.faults import is_damaged
from mailroom.files import flush

FILE_MAGIC = b"SQLite format 3\0"
PATIENCE = 30.0
"""Seconds to wait for a lock while a backup is taken."""

FIRST_LOCKED_BYTE, LOCKED_BYTES = 0x40000000, 512
"""Where SQLite locks a file, as its format says. Whoever has it open in WAL mode shares a lock there."""

BESIDE = ("", "-wal", "-shm", "-journal")


class SqliteFile:
    def __init__(self, database_url: str) -> None:
        self._path = Path(str(make_url(database_url).database)).absolute()

    def save(self, target: Path) -> None:
        if not self._path.is_file():
            raise BackupFailed(f"there is no ledger at {self._path}")
        try:
            with (
                closing(sqlite3.connect(self._path, timeout=PATIENCE)) as source,
                closing(sqlite3.connect(target)) as copy,
            ):
                source.backup(copy)  # all at one go: a writer in between would have it begin anew
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, with none beside it
        except sqlite3.Error as error:
            raise BackupFailed(f"the ledger cannot be copied: {error}") from None

    def check(self, source: Path) -> str | None:
        with source.open("rb") as file:
            if file.read(len(FILE_MAGIC)) != FILE_MAGIC:
                raise BackupFailed(f"{source} is no backup of a SQLite ledger, which this Mailroom has")
        log = source.with_name(f"{source.name}-wal")
        if log.exists() and log.stat().st_size:
            raise BackupFailed(f"{source} is a ledger, with its log beside it: use flask backup")
        uri = f"{source.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as copy:
                found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
                if found != "ok":
                    raise BackupFailed(f"{source} is damaged: {' '.join(found.split())}")
                tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master")}
                if VERSION_TABLE not in tables:
                    return None
                row = copy.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
        except sqlite3.Error as error:
            raise BackupFailed(f"{source} is damaged: {error}") from None
        return None if row is None else str(row[0])

    def users(self) -> int:
        if not self._path.is_file():
            return 0
        try:
            with self._alone():
                return 0
        except sqlite3.DatabaseError as error:
            return int(not is_damaged(error) or self._is_locked())

    def replace(self, source: Path, revision: str | None, kept: Path, prepare: Prepare) -> Path | None:
        fresh = self._path.with_name(f"{self._path.name}.restoring")
        for end in BESIDE:
            fresh.with_name(fresh.name + end).unlink(missing_ok=True)
        files.create(fresh)
        shutil.copyfile(source, fresh)
        prepare(url_of_file(fresh), None)
        with closing(sqlite3.connect(fresh)) as made:
            made.execute("PRAGMA journal_mode = DELETE")  # what was prepared is in one file again
        flush(fresh)
        return self._put(fresh, self._path.with_name(f"{kept.name}.db"))  # not on another disk

    def _put(self, fresh: Path, kept: Path) -> Path | None:
        if not self._path.is_file():
            fresh.replace(self._path)
            return None
        try:
            with self._alone():  # until the new one is in its place
                os.link(self._path, kept)
                fresh.replace(self._path)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error) or self._is_locked():
                fresh.unlink()
                raise BackupFailed("somebody opened the ledger meanwhile") from None
            self._put_away(kept)
            fresh.replace(self._path)
        flush(self._path.parent)
        return kept

    def _put_away(self, kept: Path) -> None:
        """A damaged file, with its log, which would be taken for the new one's."""
        os.link(self._path, kept)
        for end in BESIDE[1:]:
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + end).replace(kept.with_name(kept.name + end))

    def _is_locked(self) -> bool:
        """Whether another process has the file open as a database: by the system, for SQLite reads it first.

        Not while this process has it open: to close it here gives up all that SQLite has locked.
        """
        with self._path.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKED_BYTES, FIRST_LOCKED_BYTE)
            except OSError:
                return True
        return False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else has the file open. Raises sqlite3.OperationalError when somebody has; and
        sqlite3.DatabaseError when the file is damaged (`is_damaged` tells them apart).
        """
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # What stands in the log comes into the file; each connection in WAL mode is in the way of it.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
            yield
