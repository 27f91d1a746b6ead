"""Ledger transport: the shortest, for an application beside its Mailroom."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError

from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept import draft
from mailroom.engine.accept.acceptance import accept
from mailroom.flask.errors import Away, Refused
from mailroom.queue import Queue


class Parts:
    """The ledger and the queue that one process of the application uses."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database = Database(database_url)
        self.queue = Queue(redis_url)


class SameLedger:
    """Accepts as a page of Mailroom would."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def send(self, content: Content, recipients: list[Recipient]) -> None:
        try:
            accept(self._parts.database, self._parts.queue, draft.Draft(content, recipients))
        except draft.DraftRefused as error:
            raise Refused(error.problems) from None
        except (DBAPIError, TimeoutError) as error:
            # Only the driver's words: SQLAlchemy's own would show the statement.
            words = str(getattr(error, "orig", None) or error)
            why = self._misfit()
            hint = f" (is it migrated? {why})" if why else ""
            raise Away(f"Mailroom's ledger cannot be used{hint}: {words}") from error

    def _misfit(self) -> str | None:
        from mailroom.ledger import migrate  # for the one line that is needed at most once

        with suppress(SQLAlchemyError):
            return migrate.misfit_of(self._parts.database)
        return None

    def close(self) -> None:
        """The connections stay for the next message."""
