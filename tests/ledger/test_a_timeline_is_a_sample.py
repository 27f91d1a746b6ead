"""The timeline of a large mailing is a sample: spread over all of it, some rows beside each other."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

from mailroom.database.engine import Database
from mailroom.ledger.deliveries import timeline
from mailroom.ledger.schema import deliveries, sessions
from mailroom.ledger.states import State
from tests.web.watching import a_mailing

NOW = 1_800_000_000_000


@pytest.mark.parametrize("total", [21, 99, 1_003])
def test_it_is_spread_over_the_whole_mailing(
    database: Database, monkeypatch: pytest.MonkeyPatch, total: int
) -> None:
    monkeypatch.setattr(timeline, "TIMELINE_ROWS", 20)
    with database.begin() as connection:
        opened = {"worker": "one", "number": 1, "server": "mx", "opened_at": NOW}
        session_id = connection.execute(insert(sessions).values(opened).returning(sessions.c.id)).scalar_one()
    rows = [
        {"address": f"p{n}@mail.example", "state": State.SENT, "session_id": session_id, "marked_at": NOW + n}
        for n in range(total)
    ]
    mailing_id = a_mailing(database, *rows)
    a_mailing(database, *rows)
    with database.read() as connection:
        marks, weight = timeline.marks_of(connection, mailing_id, total, NOW + total)
    places = [mark.begun - NOW for mark in marks]
    assert len(places) == 20 and places == sorted(set(places)) and weight == total / 20
    groups = [places[n : n + timeline.SIDE_BY_SIDE] for n in range(0, 20, timeline.SIDE_BY_SIDE)]
    for number, group in enumerate(groups):
        assert group == list(range(group[0], group[0] + timeline.SIDE_BY_SIDE))
        assert abs(group[0] - number * total / 4) <= 1


def test_mails_of_others_in_between_are_left_out(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mailings that were accepted at the same time."""
    monkeypatch.setattr(timeline, "TIMELINE_ROWS", 20)
    with database.begin() as connection:
        opened = {"worker": "one", "number": 1, "server": "mx", "opened_at": NOW}
        session_id = connection.execute(insert(sessions).values(opened).returning(sessions.c.id)).scalar_one()
    row = {"state": State.SENT, "session_id": session_id}
    rows = [{"address": f"p{n}@mail.example", "marked_at": NOW + n, **row} for n in range(60)]
    mailing_id, other = a_mailing(database, *rows), a_mailing(database, rows[0])
    is_others = deliveries.c.marked_at.in_([NOW + n for n in range(1, 59, 2)])
    with database.begin() as connection:
        connection.execute(update(deliveries).where(is_others).values(mailing_id=other))
    with database.read() as connection:
        marks, _ = timeline.marks_of(connection, mailing_id, 31, NOW + 60)
    places = [mark.begun - NOW for mark in marks]
    assert 8 <= len(places) <= 12 and all(place % 2 == 0 or place == 59 for place in places)
