"""An endpoint may have a million calls: what is done with all of them holds nobody up for long."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event, select

from mailroom.database.engine import Database
from mailroom.engine.webhooks import many_calls
from mailroom.ledger.schema import webhook_calls, webhook_endpoints

AT_ONCE = 3


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_calls, "LOGGED_AT_ONCE", AT_ONCE)


@pytest.fixture
def written(database: Database) -> list[int]:
    """How many rows each statement wrote."""
    found: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("UPDATE webhook_calls", "DELETE FROM webhook_calls")):
            found.append(cursor.rowcount)

    event.listen(database.engine, "after_cursor_execute", note)
    return found


def states(database: Database) -> Counter[str]:
    with database.read() as connection:
        return Counter(connection.execute(select(webhook_calls.c.state)).scalars())


def test_disabled_and_replayed(database: Database, add: Any, failed: Any, written: list[int]) -> None:
    endpoint, other = add("https://hooks.example/a"), add("https://hooks.example/b")
    failed(7)
    many_calls.disable(database, endpoint, "by hand")
    assert states(database) == {"failed": 7, "waiting": 7}
    assert written == [3, 3, 1]
    written.clear()
    assert (
        many_calls.replay_failed(database, endpoint) == 7 and many_calls.replay_failed(database, other) == 0
    )
    assert states(database) == {"waiting": 14}
    assert max(written) == AT_ONCE


def test_removed(database: Database, add: Any, failed: Any, written: list[int]) -> None:
    endpoint, other = add("https://hooks.example/a"), add("https://hooks.example/b")
    failed(7)
    many_calls.remove(database, endpoint)
    with database.read() as connection:
        assert connection.execute(select(webhook_endpoints.c.id)).scalars().all() == [other]
        of = set(connection.execute(select(webhook_calls.c.endpoint_id)).scalars())
    assert of == {other} and states(database) == {"waiting": 7}
    assert max(written) == AT_ONCE
