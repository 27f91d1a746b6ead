"""A ledger that has been used for years: its mails were sent, one in a hundred failed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, text

from benchmarks import letter
from mailroom.database.engine import Database
from mailroom.database.sql.bulk import BulkInsert
from mailroom.ledger.mailings import sums
from mailroom.ledger.schema import batches, contents, deliveries, mailings
from mailroom.ledger.states import MailingState, State

FAILS, NAMED = 100, 3
"""One in so many failed; one in so many is named."""

HELD = 2
"""The number of a mailing that workers paused, and nobody has resumed."""

PROGRAM = 1
"""The key that handed in what went to a single person."""

AT_ONCE = 10_000
COLUMNS = (
    "mailing_id",
    "address",
    "address_key",
    "name",
    "state",
    "attempts",
    "code",
    "marked_at",
    "updated_at",
    "trouble",
    "troubled_at",
)
DELIVERIES = BulkInsert("deliveries", COLUMNS)


def fill(database: Database, sizes: Sequence[int]) -> None:
    """Adds mailings of these sizes to an empty ledger; their ids begin at 1."""
    with database.begin() as connection:
        for table, row in ((mailings, _mailing), (contents, _content)):
            rows = (row(number, size) for number, size in enumerate(sizes, 1))
            while some := list(islice(rows, AT_ONCE)):
                connection.execute(insert(table), some)
    people = _deliveries(sizes)
    while several := list(islice(people, AT_ONCE)):
        with database.begin() as connection:
            DELIVERIES.run(connection, several)
    _add_up(database)
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))
        assert connection.scalar(select(func.count()).select_from(deliveries)) == sum(sizes)


def _add_up(database: Database) -> None:
    """Old mailings, as the sweeper has done meanwhile."""
    block: int | None = 0
    while block is not None:
        with database.begin() as connection:
            if (block := sums.next_block(connection)) is not None:
                sums.keep(connection, block, sums.add_up(connection, block))


def restore(database: Database, number: int) -> None:
    """Removes what was mailed after the first `number` mailings, sent or not."""
    with database.begin() as connection:
        connection.execute(delete(batches))
        connection.execute(delete(deliveries).where(deliveries.c.mailing_id > number))
        connection.execute(delete(mailings).where(mailings.c.id > number))


def _mailing(number: int, size: int) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "uid": str(uuid4()),
        "kind": "shared" if size == 1 else "individual",
        "state": MailingState.PAUSED if number == HELD else MailingState.DONE,
        "held_for": "its sender is refused" if number == HELD else None,
        "queue": "bulk",
        "program_id": PROGRAM if size == 1 else None,
        "sender_address": letter.SENDER,
        "subject": f"Letter number {number}",
        "total": size,
        "sent": size - size // FAILS,
        "failed": size // FAILS,
        "created_at": now,
        "expires_at": now + timedelta(days=2),
        "started_at": now,
        "ended_at": None if number == HELD else now,
    }


def _content(mailing_id: int, _: int) -> dict[str, object]:
    return {
        "mailing_id": mailing_id,
        "reply_to": [],
        "text": letter.TEXT,
        "html": letter.HTML,
        "headers": [],
        "columns": [],
        "tags": [],
    }


def _deliveries(sizes: Sequence[int]) -> Iterator[tuple[object, ...]]:
    now, person = int(time.time() * 1000), 0
    for mailing_id, size in enumerate(sizes, 1):
        for number in range(size):
            person += 1
            address = letter.address(letter.scattered(person))
            name = f"Ann Lee {person % 1_000}" if person % NAMED == 0 else ""
            state, code = (State.FAILED, 550) if (number + 1) % FAILS == 0 else (State.SENT, 250)
            trouble = (state.value, now) if state is State.FAILED else (None, None)
            yield mailing_id, address, address, name, state.value, 1, code, now, now, *trouble
