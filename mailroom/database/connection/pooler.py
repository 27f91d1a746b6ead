"""Pooler: PgBouncer or its like before PostgreSQL, which may give each transaction another session.

It is noticed, not told: who answers is another process of the server than the one that greeted us. Then
nothing is left in a session, for it is others' as well: no prepared statement, no setting.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

EACH_TRANSACTION = "mailroom_each_transaction"
"""Of a connection's `info`: the statement that every transaction on it begins with."""


def is_between(dbapi_connection: Any) -> bool:
    """Whether somebody stands between this connection and its server; of psycopg, in autocommit mode."""
    answers = dbapi_connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    return bool(answers != dbapi_connection.info.backend_pid)


def share(dbapi_connection: Any, info: MutableMapping[Any, Any], settings: Mapping[str, int]) -> None:
    """Has nothing prepared on this connection, and `settings` made for each transaction alone."""
    dbapi_connection.prepare_threshold = None
    made = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    info[EACH_TRANSACTION] = f"SELECT {made}"
