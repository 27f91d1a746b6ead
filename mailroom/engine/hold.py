"""Hold watch: what a worker process knows of a hold, looked up once a second and asked before every job."""

from __future__ import annotations

import structlog

from mailroom.database.engine import Database
from mailroom.ledger import holding

log = structlog.get_logger()


class HoldWatch:
    """One process's view. Held until the ledger was asked: a restored one is read before it is believed.

    That it is a second late does no harm: no batch can be claimed while the ledger holds.
    """

    def __init__(self, database: Database, by_setting: bool = False) -> None:
        self._database = database
        self._by_setting = by_setting
        self._told: bool | None = None
        self.is_on = True

    def look(self) -> bool:
        """Asks the ledger. Raises SQLAlchemyError."""
        with self._database.read() as connection:
            found = holding.present(connection, self._by_setting)
        self.is_on = found is not None
        if found is not None and not self._told:
            log.warning("sending is held", why=found.reason)
        if found is None and self._told:
            log.info("sending goes on")
        self._told = self.is_on
        return self.is_on
