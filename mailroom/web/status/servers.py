"""Server status: each mail server in trouble or not, and how fast mail may go there at present."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.ledger.relays import circuit, rates
from mailroom.ledger.relays.circuit import ServerTrouble
from mailroom.smtp.server import servers_of
from mailroom.web import Mailroom

NO_LIMIT = "no limit"


def standings(mailroom: Mailroom) -> list[dict[str, Any]] | None:
    """Every server of the settings, as workers found it; as JSON.

    For strangers too, so without the server's words: they may name who logs in. None: the
    ledger cannot be asked.
    """
    names = [server.name for server in servers_of(mailroom.settings).values()]
    try:
        with mailroom.database.read() as connection:
            troubles = {trouble.server: trouble for trouble in circuit.troubled(connection, names)}
            present = {rate.server: rate for rate in rates.present(connection, names)}
            now = from_millis(clock.now(connection))
    except SQLAlchemyError:
        return None
    return [
        {
            "server": name,
            "rate": str(present[name]) if name in present else NO_LIMIT,
            "slowed_down": name in present and present[name].is_slowed,
            **_trouble(troubles.get(name), now),
        }
        for name in names
    ]


def _trouble(trouble: ServerTrouble | None, now: datetime) -> dict[str, Any]:
    if trouble is None:
        return {"in_trouble": False}
    return {
        "in_trouble": True,
        "since": trouble.since.isoformat(timespec="seconds"),
        "stage": trouble.stage,
        "code": trouble.code,
        "failures": trouble.failures,
        "tried_again_in_seconds": max(0, round((trouble.closed_until - now).total_seconds())),
    }
