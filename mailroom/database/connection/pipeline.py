"""Pipeline: statements leave for PostgreSQL together, and are waited for only where an answer is read.

Without it each is a round trip, in which locks are held and somebody waits. An error of one is raised
where the next answer is read, or at the end; nothing is committed then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from greenlet import getcurrent
from sqlalchemy import Connection, Dialect, Engine, Executable, Insert, event
from sqlalchemy.exc import DBAPIError

from mailroom.database.connection.begin import BEGIN
from mailroom.database.connection.pooler import EACH_TRANSACTION

COMMIT = "COMMIT"
"""Said, as BEGIN is, not left to the pipeline, which would commit by itself: so a commit that fails is an
error of its own. The driver's own ones are waited for, each of them."""

OF_CONNECTION, AFTERWARDS = "mailroom_pipeline", "mailroom_afterwards"
"""Of a connection's `info`."""

NOBODY_WAITS = "mailroom_nobody_waits"
"""An execution option of one statement."""

READS_BY = "mailroom_reads_by"
"""Of a coroutine: the connection that it shares with others, see together.py."""


@contextmanager
def transaction(driver_s: Any, settings_made: str | None, begin: str = BEGIN) -> Iterator[Any]:
    """A pipeline that is one transaction of the driver's connection, which commits nothing by itself.

    The last statements and COMMIT are one round trip. After an error the transaction is still open.
    """
    with driver_s.pipeline() as pipeline:
        driver_s.execute(begin, prepare=False)
        if settings_made:
            driver_s.execute(settings_made)
        yield pipeline
        driver_s.execute(COMMIT, prepare=False)


@contextmanager
def of(connection: Connection, begin: str = BEGIN) -> Iterator[None]:
    """The same for SQLAlchemy's connection, which begins with nothing by itself."""
    driver_s, info, dialect = connection.connection.driver_connection, connection.info, connection.dialect
    try:
        with transaction(driver_s, info.get(EACH_TRANSACTION), begin) as info[OF_CONNECTION]:
            info[AFTERWARDS] = []
            yield
            for act in info[AFTERWARDS]:
                act()
    except dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy(error, "", dialect) from error
    finally:
        info.pop(OF_CONNECTION, None)
        info.pop(AFTERWARDS, None)


def is_on(connection: Connection) -> bool:
    return OF_CONNECTION in connection.info


def wait(connection: Connection) -> None:
    """Until all that was said is answered. Where nothing leaves together there is nothing to wait for.

    Others who read by this connection say meanwhile what they want to know.
    """
    if (pipeline := connection.info.get(OF_CONNECTION)) is None:
        return
    if not let_others_ask(connection):
        pipeline.sync()


def let_others_ask(connection: Connection) -> bool:
    """For who is about to wait: of those who read by this connection all do so together. False: there are no
    others.
    """
    current: Any = getcurrent()
    if getattr(current, READS_BY, None) is not connection:
        return False
    current.parent.switch()
    return True


def afterwards(connection: Connection, act: Callable[[], None]) -> None:
    """Has `act` done in this transaction, as late as possible: what it reads came with other answers."""
    if is_on(connection):
        connection.info[AFTERWARDS].append(act)
    else:
        act()


def do(connection: Connection, statement: Executable, values: Mapping[str, Any] | None = None) -> None:
    """Has SQLAlchemy run what returns no rows; nobody waits for its answer."""
    if isinstance(statement, Insert):
        statement = statement.inline()  # or SQLAlchemy asks for the new row's id
    connection.execute(statement, values, execution_options={NOBODY_WAITS: True})


def waits_for_sqlalchemy(engine: Engine) -> None:
    """What SQLAlchemy runs itself is answered at once, for it looks at the answer; but for what `do` runs."""

    @event.listens_for(engine, "after_cursor_execute")
    def _answered(
        connection: Connection, cursor: Any, sql: str, given: Any, context: Any, many: bool
    ) -> None:
        if not context.execution_options.get(NOBODY_WAITS):
            wait(connection)


def as_sqlalchemy(error: Exception, sql: str, dialect: Dialect) -> DBAPIError:
    """A driver's error, as SQLAlchemy would have raised it."""
    driver: Any = dialect.loaded_dbapi
    raised: Any = DBAPIError.instance(sql, None, error, driver.Error, hide_parameters=True, dialect=dialect)
    assert isinstance(raised, DBAPIError)
    return raised
