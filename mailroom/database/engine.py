"""Engine and transactions of the ledger's database: who writes, and who reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, create_engine, make_url
from sqlalchemy.pool import QueuePool

from mailroom.database.connection import begin, pipeline
from mailroom.database.connection.kept_open import KeptOpen
from mailroom.database.connection.postgresql_connections import NETWORK, set_up_postgresql
from mailroom.database.connection.raw import RawConnection
from mailroom.database.connection.sqlite_connections import is_missing, set_up_sqlite
from mailroom.database.connection.sqlite_flush import flushed_later
from mailroom.database.connection.write_lock import WriteLock
from mailroom.database.faults import ITS_OWN
from mailroom.database.lookup import Lookups
from mailroom.database.sql import planner
from mailroom.database.statement import Statement

SQLITE_BUSY_TIMEOUT_MS = 30_000
"""Milliseconds a connection waits for another's lock before it gives up."""

CONNECTIONS_KEPT = 8
"""What a process opens beyond these it closes again at once."""

AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns the type checker is not told."""


def normalized_url(url: str) -> str:
    """`url` with the driver that we ship: psycopg 3 for every spelling of PostgreSQL."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def url_of_file(path: Path) -> str:
    """Of the file at `path`, whatever characters stand there."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def product_of(url: str) -> str:
    """Which database that is, in its own name."""
    return "SQLite" if make_url(url).get_backend_name() == "sqlite" else "PostgreSQL"


class Database:
    """One process's way to the ledger.

    `durable` is for whoever gives promises to people (acceptance, control): a commit
    then survives a power cut. Workers leave it off: their commits survive any
    process's death, which is what a mark needs (PostgreSQL: always survives both).
    `connections`: the most that are open at once. `creates`: SQLite's file, when there is none.
    """

    def __init__(
        self,
        url: str,
        *,
        durable: bool = True,
        connections: int = 16,
        creates: bool = False,
        busy_timeout: int = SQLITE_BUSY_TIMEOUT_MS,
    ) -> None:
        self.url = normalized_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        kept = min(connections, CONNECTIONS_KEPT)
        options: dict[str, Any] = {
            "poolclass": QueuePool,
            "pool_size": kept,
            "max_overflow": connections - kept,
        }
        if self.is_sqlite:
            options["connect_args"] = {"timeout": busy_timeout / 1000, "check_same_thread": False}
        else:
            options["pool_use_lifo"] = True  # the one that was used last need not be asked whether it is open
            network = {name: value for name, value in NETWORK.items() if name not in make_url(self.url).query}
            options["connect_args"] = {**network, "client_encoding": "utf8"}
        self.engine: Engine = create_engine(self.url, hide_parameters=True, **options)
        self.engine.dialect.dbapi_exception_translation_map = ITS_OWN
        self._write_lock = WriteLock(busy_timeout) if self.is_sqlite else None
        if self._write_lock is not None:
            synchronous = "FULL" if durable else "NORMAL"
            set_up_sqlite(self.engine, synchronous, busy_timeout, self._write_lock, creates)
        else:
            set_up_postgresql(self.engine, busy_timeout)
            pipeline.waits_for_sqlalchemy(self.engine)
        self._writing = self.engine.execution_options(mailroom_writes=True)
        self._kept_open = KeptOpen(self._writing, self._write_lock) if self._write_lock else None
        self._lookups = Lookups(self.engine, self._kept_open)
        # On PostgreSQL each statement would see what was committed before it, so that a batch
        # which is closed between two of them would be in none of the two counts.
        self._reading = self.engine.execution_options(**{begin.BEGINS_WITH: begin.BEGIN_READING})
        self._piped = self.engine.execution_options(**{begin.BEGINS_WITH: ""})

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes; committed on leaving, rolled back on an exception.

        On SQLite it takes the write lock at once, waiting its turn: a transaction that
        reads first and writes later would fail with "database is locked" instead.
        """
        with (
            self._write_lock.one() if self._write_lock else nullcontext(),
            self._writing.begin() as connection,
        ):
            yield connection

    @contextmanager
    def begin_unflushed(self) -> Iterator[Connection]:
        """The same for what promises nothing yet: its commit does not wait for the disk.

        A later one that does waits for all that was committed before it.
        """
        if self._write_lock is None:
            with self.begin() as connection:
                planner.flush_with_a_later_commit(connection)
                yield connection
            return
        with (
            self._write_lock.one(),
            self._writing.connect() as connection,
            flushed_later(connection),
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def begin_at_once(self) -> Iterator[Connection]:
        """The same; on PostgreSQL its statements leave together, as far as nobody waits for an answer."""
        if self.is_sqlite:
            with self.begin() as connection:
                yield connection
            return
        with self._piped.begin() as connection, pipeline.of(connection):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent picture, never waiting for writers."""
        # Committed, though it wrote nothing: after a rollback psycopg has the server forget all statements
        # that it prepared, which is one more round trip, and has them prepared anew.
        with self._reading.begin() as connection:
            yield connection

    @contextmanager
    def read_at_once(self) -> Iterator[Connection]:
        """The same; on PostgreSQL one round trip for all whose answers are read afterwards."""
        if self.is_sqlite:
            with self.read() as connection:
                yield connection
            return
        with self._piped.begin() as connection, pipeline.of(connection, begin.BEGIN_READING):
            yield connection

    @contextmanager
    def begin_often(self) -> Iterator[Connection]:
        """`begin_at_once` for one thread that does so all the time: SQLite's connection is kept."""
        transaction = self.begin_at_once() if self._kept_open is None else self._kept_open.begin()
        with transaction as connection:
            yield connection

    @contextmanager
    def read_often(self) -> Iterator[Connection]:
        """`read_at_once`, likewise."""
        transaction = self.read_at_once() if self._kept_open is None else self._kept_open.read()
        with transaction as connection:
            yield connection

    def kept_open(self) -> KeptOpen:
        """For who writes to SQLite often, in one thread at a time."""
        assert self._kept_open is not None
        return self._kept_open

    def look(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The only row that it finds now, or None; by itself, in no transaction."""
        rows = self._lookups.rows(statement, values)
        return rows[0] if rows else None

    def look_all(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows, likewise."""
        return self._lookups.rows(statement, values)

    @property
    def missing(self) -> Path | None:
        """SQLite's file, when there is none."""
        path = Path(str(self.engine.url.database))
        return path if self.is_sqlite and is_missing(path) else None

    def compose_statements(self) -> None:
        """All that this process knows by now, so that nobody waits for the first of each."""
        Statement.compose_all(self.engine.dialect)

    def direct(self) -> RawConnection:
        """Connects when it is used first."""
        return RawConnection(self.engine, self._write_lock)

    def dispose(self) -> None:
        """Closes every connection that nobody uses; they are opened anew when they are needed."""
        self._lookups.close()
        if self._kept_open is not None:
            self._kept_open.close()
        self.engine.dispose()
