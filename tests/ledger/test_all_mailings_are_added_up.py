"""How many there are of everything is told at once, of millions of mailings: old ones are added up before."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update

from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.ledger.mailings import sums
from mailroom.ledger.schema import mailing_sums, mailings
from mailroom.ledger.states import COUNTED, MailingState, State
from mailroom.ledger.totals import totals
from tests.ledger.plans import plans_of

THEN = from_millis(1)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "SUMMED_BLOCK", 10)
    monkeypatch.setattr(sums, "SUMMED_AGAIN_EVERY_MS", -1)
    monkeypatch.setattr(sums, "OPEN_SHARE", 0)


def add(database: Database, ids: range, **values: object) -> None:
    same = {"kind": "shared", "queue": "urgent", "sender_address": "a@b.example", "subject": "s", "total": 3}
    same |= {
        "state": MailingState.DONE,
        "sent": 2,
        "failed": 1,
        "created_at": THEN,
        "expires_at": THEN,
        **values,
    }
    with database.begin() as connection:
        connection.execute(insert(mailings), [{**same, "id": id, "uid": f"u{id}"} for id in ids])


def add_up(database: Database) -> int | None:
    """As a round of the sweeper does; which block."""
    with database.begin() as connection:
        block = sums.next_block(connection)
        if block is not None:
            sums.keep(connection, block, sums.add_up(connection, block))
    return block


def found(database: Database) -> tuple[int, int]:
    """How many mailings are done, and how many deliveries sent."""
    with database.read() as connection:
        of_all = sums.of_all(connection)
        summed = totals(connection, [])
    done = of_all[MailingState.DONE]
    assert (summed.mailings[MailingState.DONE], summed.deliveries[State.SENT]) == (
        done.mailings,
        sum(one.deliveries[State.SENT] for one in of_all.values()),
    )
    assert done.deliveries.keys() == set(COUNTED)
    return done.mailings, done.deliveries[State.SENT]


def test_the_sum_is_the_same_before_and_after_blocks_are_kept(database: Database) -> None:
    add(database, range(1, 46))
    add(database, range(46, 50), state=MailingState.STAGED)
    add(database, range(50, 52), state=MailingState.CANCELED, complained=1)
    assert found(database) == (45, 90)
    assert [add_up(database) for _ in range(5)] == [0, 1, 2, 3, 0], (
        "the last ones are left to who asks; then in turn"
    )
    assert found(database) == (45, 90)
    with database.read() as connection:
        assert sums.of_all(connection)[MailingState.CANCELED].complained == 2
    add(database, range(60, 80))
    assert found(database) == (65, 130), "what is new is always exact"


def test_what_comes_back_later_is_in_the_sum_when_its_block_had_its_turn(database: Database) -> None:
    add(database, range(1, 41))
    assert [add_up(database) for _ in range(4)] == [0, 1, 2, 0]
    with database.begin() as connection:
        connection.execute(update(mailings).where(mailings.c.id == 15).values(sent=1, bounced=1))
    assert found(database) == (40, 80)
    while add_up(database) != 1:
        pass
    assert found(database) == (40, 79)


def test_a_block_that_is_not_over_has_more_turns(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add(database, range(1, 12))
    add(database, range(12, 13), state=MailingState.ACTIVE)
    add(database, range(13, 51))
    assert [add_up(database) for _ in range(4)] == [0, 1, 2, 3]
    monkeypatch.setattr(sums, "OPEN_SHARE", 1)
    assert [add_up(database) for _ in range(2)] == [1, 1]
    with database.begin() as connection:
        connection.execute(update(mailings).where(mailings.c.id == 12).values(state=MailingState.DONE))
    assert [add_up(database) for _ in range(3)] == [1, 0, 2]


def test_no_mailing_of_a_kept_block_is_read(database: Database) -> None:
    add(database, range(1, 200))
    while add_up(database) != 17:
        pass
    with database.read() as connection:
        blocks = (
            connection.execute(select(mailing_sums.c.block).order_by(mailing_sums.c.block)).scalars().all()
        )
    assert list(blocks) == list(range(18))
    for sql, plan in plans_of(database, sums.of_all):
        assert "SCAN mailings" not in plan and "Seq Scan on mailings" not in plan, f"{sql}\n{plan}"


def test_an_empty_ledger_has_nothing_to_add_up(database: Database) -> None:
    assert add_up(database) is None
    with database.read() as connection:
        assert sums.of_all(connection) == {}


def test_whatever_became_of_a_mailing_it_is_in_the_sum(database: Database) -> None:
    """Those that reached everybody are added up apart from the others."""
    add(database, range(1, 4), sent=3, failed=0)
    add(database, range(4, 6), sent=3, failed=0, complained=2)
    add(database, range(6, 9), sent=0, failed=1, bounced=2)
    add(database, range(9, 11), sent=3, failed=0, state=MailingState.ACTIVE)
    add(database, range(11, 12), sent=1, failed=0, queued=2, state=MailingState.PAUSED, complained=1)
    add(database, range(12, 14), sent=3, failed=0, state=MailingState.STAGED)
    with database.read() as connection:
        found = sums.of_all(connection)
    assert {state: (one.mailings, one.complained) for state, one in found.items()} == {
        MailingState.DONE: (8, 4),
        MailingState.ACTIVE: (2, 0),
        MailingState.PAUSED: (1, 1),
    }
    done = found[MailingState.DONE].deliveries
    assert (done[State.SENT], done[State.FAILED], done[State.BOUNCED]) == (15, 3, 6)
    assert found[MailingState.PAUSED].deliveries[State.QUEUED] == 2
