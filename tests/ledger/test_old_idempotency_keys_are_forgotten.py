"""A key is remembered for a day, then swept away."""

from __future__ import annotations

from sqlalchemy import update

from mailroom.database.clock import now_millis
from mailroom.database.engine import Database
from mailroom.ledger.mailings import idempotency
from mailroom.ledger.schema import idempotency_keys

TWO_DAYS = 2 * 86_400_000


def test_only_keys_past_their_day_are_forgotten(database: Database) -> None:
    with database.begin() as connection:
        for key in ("old", "new"):
            idempotency.take(connection, "form:1", key, "f" * 64, None)
        assert not idempotency.has_old(connection)
        old = update(idempotency_keys).where(idempotency_keys.c.key == "old")
        connection.execute(old.values(created_at=now_millis() - TWO_DAYS))
        assert idempotency.has_old(connection)
        assert idempotency.forget_old(connection) == 1
        assert not idempotency.has_old(connection)
        assert idempotency.earlier(connection, "form:1", "new") is not None
        assert idempotency.earlier(connection, "form:1", "old") is None


def test_a_key_past_its_day_can_be_taken_anew(database: Database) -> None:
    with database.begin() as connection:
        assert idempotency.take(connection, "form:1", "mine", "a" * 64, None) is None
        idempotency.remember(connection, "form:1", "mine", "the first answer")
        again = idempotency.take(connection, "form:1", "mine", "b" * 64, None)
        assert again is not None and again.fingerprint == "a" * 64
        connection.execute(update(idempotency_keys).values(created_at=now_millis() - TWO_DAYS))
        assert idempotency.take(connection, "form:1", "mine", "b" * 64, None) is None
        taken = idempotency.earlier(connection, "form:1", "mine")
        assert taken is not None and (taken.fingerprint, taken.answer) == ("b" * 64, None)
