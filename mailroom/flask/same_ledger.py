"""Ledger transport: the shortest, for an application beside its Mailroom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError

from mailroom.content.whole.fields import Unmailable
from mailroom.content.whole.original import HandedIn
from mailroom.database.engine import Database
from mailroom.engine.accept import handed_in
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import SubmissionRefused
from mailroom.flask.errors import Away, NotSetUp, Refused
from mailroom.ledger.schema import is_ledger
from mailroom.queue import Queue
from mailroom.settings import LedgerUrls

NOT_A_LEDGER = (
    "The database is no Mailroom's (is it migrated? flask db upgrade). If it is your own, say where the "
    "Mailroom is: MAILROOM_DATABASE_URL and MAILROOM_REDIS_URL, or MAILROOM_API_URL and MAILROOM_API_KEY."
)


class Parts(NamedTuple):
    """The ledger and the queue that one process of the application uses."""

    database: Database
    queue: Queue


def opened(urls: LedgerUrls) -> Parts:
    """Raises NotSetUp for a database that is somebody else's, and Away."""
    _log_as_they_do()
    database = Database(urls.database_url)
    try:
        with _words_of_the_driver(database), database.read() as connection:
            if not is_ledger(connection):
                raise NotSetUp(NOT_A_LEDGER)
    except BaseException:
        database.dispose()
        raise
    return Parts(database, Queue(urls.redis_url))


class SameLedger:
    """Accepts as the submission port of Mailroom would."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def send(self, handed: HandedIn) -> None:
        try:
            with _words_of_the_driver(self._parts.database), handed_in.turn_of(handed.size):
                accept(self._parts.database, self._parts.queue, handed_in.submission_of(handed, None))
        except Unmailable as reason:
            raise Refused([("", f"This message cannot be mailed: {reason}.")]) from None
        except SubmissionRefused as error:
            raise Refused(error.problems) from None

    def quit(self) -> None:
        """The connections stay for the next message."""


def _log_as_they_do() -> None:
    """By the standard library's logging: structlog, unless it is told otherwise, prints on stdout."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.add_log_level,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


@contextmanager
def _words_of_the_driver(database: Database) -> Iterator[None]:
    """SQLAlchemy's own would show the statement."""
    try:
        yield
    except (DBAPIError, TimeoutError) as error:
        words, why = getattr(error, "orig", None) or error, _misfit(database)
        hint = f" (is it migrated? {why})" if why else ""
        raise Away(f"Mailroom's ledger cannot be used{hint}: {words}") from error


def _misfit(database: Database) -> str | None:
    with suppress(SQLAlchemyError, ImportError):
        from mailroom.ledger import migrate  # for the one line that is needed at most once

        return migrate.misfit_of(database)
    return None
