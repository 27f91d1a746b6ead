"""Many calls of one endpoint: replayed, ended or removed some at a time, for there may be a million.

Each transaction is short, so that others who write to SQLite wait for none of them long.
"""

from __future__ import annotations

from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.ledger.webhooks import webhook_calls, webhook_endpoints
from mailroom.ledger.webhooks.webhook_calls import LOGGED_AT_ONCE


def replay_failed(database: Database, endpoint_id: int) -> int:
    """Makes all those once more that were given up; how many."""
    replayed, some = 0, LOGGED_AT_ONCE
    while some == LOGGED_AT_ONCE:
        with database.begin() as connection:
            some = webhook_calls.replay_failed(connection, endpoint_id, LOGGED_AT_ONCE)
        replayed += some
    return replayed


def disable(database: Database, endpoint_id: int, why: str) -> bool:
    """Nothing is told any more; what waits ends here and can be replayed. False: there is none such."""
    with database.begin_at_once() as connection:
        if webhook_endpoints.get(connection, endpoint_id) is None:
            return False
        webhook_endpoints.disable(connection, endpoint_id, why)
        some = webhook_calls.give_up(connection, endpoint_id, LOGGED_AT_ONCE)
    while some == LOGGED_AT_ONCE:
        with database.begin() as connection:
            some = webhook_calls.give_up(connection, endpoint_id, LOGGED_AT_ONCE)
    return True


def remove(database: Database, endpoint_id: int) -> None:
    """With its log. It is told nothing from the first transaction on."""
    with database.begin_at_once() as connection:
        webhook_endpoints.disable(connection, endpoint_id, webhook_endpoints.BY_HAND)
        is_gone = _drop_some(connection, endpoint_id)
    while not is_gone:
        with database.begin() as connection:
            is_gone = _drop_some(connection, endpoint_id)


def _drop_some(connection: Connection, endpoint_id: int) -> bool:
    """Some of its log, and with the last of it the endpoint; whether that is gone."""
    is_last = webhook_calls.drop(connection, endpoint_id, LOGGED_AT_ONCE) < LOGGED_AT_ONCE
    if is_last:
        webhook_endpoints.remove(connection, endpoint_id)
    return is_last
