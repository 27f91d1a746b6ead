"""Connections to PostgreSQL: how each is set up, and how soon it is known that one is gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event

from mailroom.database.connection import begin, idle, pooler

IDLE_TRANSACTION = 60_000
"""Milliseconds after which PostgreSQL takes back the locks of a process that stands still meanwhile."""

NETWORK = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A PostgreSQL whose machine vanished is found out within half a minute, not within two hours."""

OUR_MACHINE_VANISHED = {
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""And the other way about: what PostgreSQL held for us, an idempotency key's lock, is free as soon."""


def set_up_postgresql(engine: Engine, lock_timeout: int) -> None:
    """`lock_timeout`: milliseconds."""
    # No statement_timeout: what waits for nobody is at work, and tried again would take as long.
    settings = {"lock_timeout": lock_timeout, "idle_in_transaction_session_timeout": IDLE_TRANSACTION}

    begin.with_the_first_statement(engine)

    @event.listens_for(engine, "connect")
    def _set(dbapi_connection: Any, record: Any) -> None:
        if pooler.is_between(dbapi_connection):
            pooler.share(dbapi_connection, record.info, settings)
            return
        # Not as startup options, which connection poolers refuse.
        made = {**settings, **OUR_MACHINE_VANISHED}
        dbapi_connection.execute(
            "; ".join(f"SET {name} = {milliseconds}" for name, milliseconds in made.items())
        )

    idle.ask_after(engine)
