"""Many calls of one endpoint: replayed, ended or removed some at a time, for there may be a million.

Each transaction is short, so that others who write to SQLite wait for none of them long.
"""

from __future__ import annotations

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


def disable(database: Database, endpoint_id: int, why: str) -> None:
    """Nothing is told any more; what waits ends here and can be replayed."""
    with database.begin() as connection:
        webhook_endpoints.disable(connection, endpoint_id, why)
        some = webhook_calls.give_up(connection, endpoint_id, LOGGED_AT_ONCE)
    while some == LOGGED_AT_ONCE:
        with database.begin() as connection:
            some = webhook_calls.give_up(connection, endpoint_id, LOGGED_AT_ONCE)


def remove(database: Database, endpoint_id: int) -> None:
    """With its log. It is told nothing from the first transaction on."""
    disable(database, endpoint_id, webhook_endpoints.BY_HAND)
    some = LOGGED_AT_ONCE
    while some == LOGGED_AT_ONCE:
        with database.begin() as connection:
            some = webhook_calls.drop(connection, endpoint_id, LOGGED_AT_ONCE)
            if some < LOGGED_AT_ONCE:
                webhook_endpoints.remove(connection, endpoint_id)
