"""Log lines about the ledger: what was committed, and why it cannot be used."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import Connection, event

log = structlog.get_logger()

LONGEST_CAUSE = 300


def tell(connection: Connection, happened: str, **about: Any) -> None:
    """A line in the log once the connection's transaction is committed; none if it never is."""
    event.listen(connection, "commit", lambda _: log.info(happened, **about), once=True)


def cause(error: BaseException) -> str:
    """Why, in the driver's own words: their first line, for the next ones quote rows."""
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].strip()
    return said[:LONGEST_CAUSE] or type(error).__name__
