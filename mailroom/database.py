"""The ledger's database: engine, transactions, SQLite's pragmas, the clock."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Engine,
    Executable,
    Row,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT = 30_000
"""Milliseconds a connection waits for another's lock before it gives up."""

IDLE_TRANSACTION = 60_000
"""Milliseconds after which PostgreSQL takes back the locks of a worker that stands still meanwhile."""

NETWORK = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A PostgreSQL whose machine vanished is found out within half a minute, not within two hours."""

PACE = 0.00005
"""Seconds between two tries to get SQLite's write lock: a group of marks holds it about as long."""

IMPATIENT = "PRAGMA busy_timeout = 0"

AnyRow = Row[*tuple[Any, ...]]
"""A row whose columns the type checker is not told."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_millis(moment: datetime) -> int:
    """Milliseconds since the epoch. A naive datetime is refused: nobody knows what it means."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be stored")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millis)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime in Python, whole milliseconds since the epoch in the database.

    Whole numbers sort, add and compare alike on SQLite and PostgreSQL, and in raw SQL.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_millis(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_millis(value)


class now_millis(FunctionElement[int]):
    """The database's own clock: the one clock that all workers share. Milliseconds."""

    type = BigInteger()
    inherit_cache = True


NOW_MILLIS = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}
"""The same clock for handwritten SQL, by dialect."""


@compiles(now_millis, "sqlite")
@compiles(now_millis, "postgresql")
def _now_millis(element: now_millis, compiler: Any, **kw: Any) -> str:
    return NOW_MILLIS[compiler.dialect.name]


def normalized_url(url: str) -> str:
    """`url` with the driver that we ship: psycopg 3 for every spelling of PostgreSQL."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


class Turns:
    """SQLite's one write lock, taken in turn.

    SQLite's own waits grow to a tenth of a second, so that whoever has waited longest is
    served last. Here the threads of a process wait in line for each other, and only the
    first of them asks for the lock, again and again at an even pace.
    """

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self._line = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around a transaction that writes."""
        is_mine = self._line.acquire(timeout=self._timeout_ms / 1000)
        try:
            yield  # even without a turn: SQLite itself then says that it is locked
        finally:
            if is_mine:
                self._line.release()

    def begin(self, cursor: Any) -> None:
        """Raises sqlite3.OperationalError when the lock is not to be had in time."""
        cursor.execute(IMPATIENT)
        try:
            self.begin_impatient(cursor)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {self._timeout_ms}")

    def begin_impatient(self, cursor: Any) -> None:
        """The same on a connection that does nothing but write, and is IMPATIENT for good."""
        deadline = time.monotonic() + self._timeout_ms / 1000
        while not self._is_begun(cursor, time.monotonic() >= deadline):
            time.sleep(PACE)

    def _is_begun(self, cursor: Any, is_last: bool) -> bool:
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True


class Direct:
    """One connection without SQLAlchemy's cost per statement: for the send loop, a commit a mail.

    Raises the driver's own errors: `Database.errors`. Not for two threads at once.
    """

    def __init__(self, engine: Engine, turns: Turns | None) -> None:
        self._engine = engine
        self._turns = turns
        self._pooled: PoolProxiedConnection | None = None

    def run(self, statements: Iterable[tuple[str, Any]]) -> list[int]:
        """Executes (SQL, parameters) in one transaction; the number of rows each one changed."""
        try:
            if self._turns is None:
                return self._run(statements)
            with self._turns.one():
                return self._run(statements)
        except BaseException:
            self.close()
            raise

    def _run(self, statements: Iterable[tuple[str, Any]]) -> list[int]:
        pooled = self._pooled = self._pooled or self._open()
        cursor = pooled.cursor()
        if self._turns is not None:
            self._turns.begin_impatient(cursor)
        changed = [cursor.execute(*statement).rowcount for statement in statements]
        pooled.commit()
        return changed

    def _open(self) -> PoolProxiedConnection:
        pooled = self._engine.raw_connection()
        if self._turns is not None:
            pooled.cursor().execute(IMPATIENT)
        return pooled

    def close(self) -> None:
        """Rolls back what was not committed; the next run opens a connection anew."""
        if self._pooled is not None:
            self._pooled.invalidate()
            self._pooled = None


class Prepared:
    """A statement compiled once, most of whose values stay the same from mail to mail."""

    def __init__(self, engine: Engine, statement: Executable) -> None:
        compiled = statement.compile(dialect=engine.dialect)  # type: ignore[attr-defined]
        self._sql = str(compiled)
        self._order: list[str] | None = compiled.positiontup
        self._constants: dict[str, Any] = {
            name: value for name, value in compiled.params.items() if value is not None
        }

    def bound(self, names: Sequence[str], **values: Any) -> Callable[..., tuple[str, Any]]:
        """What Direct.run takes, made from the values of `names`, in their order; `values` stay."""
        sql, same = self._sql, self._constants | values
        if self._order is None:
            return lambda *given: (sql, {**same, **dict(zip(names, given, strict=True))})
        order = self._order
        template = [same.get(name) for name in order]
        places = [(order.index(name), at) for at, name in enumerate(names)]
        assert sorted(order) == sorted([*(n for n in order if n in same), *names]), "each name once"

        def parameters(*given: Any) -> tuple[str, Any]:
            filled = template.copy()
            for place, at in places:
                filled[place] = given[at]
            return sql, filled

        return parameters


class Database:
    """One process's way to the ledger.

    `durable` is for whoever gives promises to people (acceptance, control): a commit
    then survives a power cut. Workers leave it off: their commits survive any
    process's death, which is what a mark needs (PostgreSQL: always survives both).
    """

    def __init__(
        self, url: str, *, durable: bool = True, connections: int = 8, busy_timeout: int = BUSY_TIMEOUT
    ) -> None:
        self.url = normalized_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        options: dict[str, Any] = {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 8}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": busy_timeout / 1000, "check_same_thread": False}
        else:
            options["pool_pre_ping"] = True
            options["connect_args"] = {
                name: value for name, value in NETWORK.items() if name not in make_url(self.url).query
            }
        self.engine: Engine = create_engine(self.url, hide_parameters=True, **options)
        self._turns = Turns(busy_timeout) if self.is_sqlite else None
        if self._turns is not None:
            _configure_sqlite(self.engine, "FULL" if durable else "NORMAL", busy_timeout, self._turns)
        else:
            _configure_postgresql(self.engine, busy_timeout, is_worker=not durable)
        self._writing = self.engine.execution_options(mailroom_writes=True)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes; committed on leaving, rolled back on an exception.

        On SQLite it takes the write lock at once, waiting its turn: a transaction that
        reads first and writes later would fail with "database is locked" instead.
        """
        with self._turns.one() if self._turns else nullcontext(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent picture, never waiting for writers."""
        with self.engine.connect() as connection:
            yield connection

    @property
    def errors(self) -> type[Exception]:
        """What the driver raises, for those who use Direct."""
        return self.engine.dialect.loaded_dbapi.Error

    def direct(self) -> Direct:
        """Connects when it is used first."""
        return Direct(self.engine, self._turns)

    def dispose(self) -> None:
        self.engine.dispose()


def _configure_postgresql(engine: Engine, lock_timeout: int, *, is_worker: bool) -> None:
    # No statement_timeout: what waits for nobody is at work, and tried again would take as long.
    settings = {"lock_timeout": lock_timeout}
    if is_worker:  # a page's download may wait for its reader, and holds no locks
        settings["idle_in_transaction_session_timeout"] = IDLE_TRANSACTION

    @event.listens_for(engine, "connect")
    def _set(dbapi_connection: Any, record: Any) -> None:
        # Not as startup options, which connection poolers refuse.
        with dbapi_connection.cursor() as cursor:
            for name, milliseconds in settings.items():
                cursor.execute(f"SET {name} = {milliseconds}")
        dbapi_connection.commit()


def _configure_sqlite(engine: Engine, synchronous: str, busy_timeout: int, turns: Turns) -> None:
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
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA mmap_size = 268435456")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("mailroom_writes"):
            try:
                turns.begin(connection.connection.cursor())
            except sqlite3.Error as error:
                raise OperationalError("BEGIN IMMEDIATE", None, error) from error
        else:
            connection.exec_driver_sql("BEGIN")
