"""A mailing's recipients by outcome: those in a state, and those of whom nothing came back."""

from __future__ import annotations

from typing import Any

import pytest

from mailroom.database.engine import Database
from mailroom.ledger import suppressions
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.deliveries.outcomes import NOT_BOUNCED, OUTCOMES, with_outcome
from mailroom.ledger.states import State
from tests.web.watching import a_mailing

SENDER, OTHER = "news@example.org", "other@example.org"


def with_each_outcome(database: Database, **values: Any) -> int:
    """One recipient in each state, called like it, and some more who were sent to."""
    rows: list[dict[str, Any]] = [{"address": f"{state}@example.org", "state": state} for state in State]
    later = ("spam", "gone", "left", "left-the-list", "left-another-list", "left-another-sender")
    rows += [{"address": f"{name}@example.org", "state": State.SENT} for name in later]
    rows[len(State)]["complained_at"] = 1
    a_mailing(database, {"address": "stranger@example.org", "state": State.SENT})
    mailing_id = a_mailing(database, *rows, **values)
    with database.begin() as connection:
        for name, scope in (
            ("gone", Scope()),
            ("left", Scope(SENDER)),
            ("left-the-list", Scope(SENDER, "news")),
            ("left-another-list", Scope(SENDER, "jobs")),
            ("left-another-sender", Scope(OTHER)),
        ):
            suppressions.add(connection, [f"{name}@example.org"], scope=scope)
    return mailing_id


def names(database: Database, mailing_id: int, outcome: str) -> list[str]:
    with database.read() as connection:
        found = list(with_outcome(connection, mailing_id, outcome))
    return [one.address.partition("@")[0] for one in found]


def test_a_state_has_those_who_are_in_it(database: Database) -> None:
    mailing_id = with_each_outcome(database)
    for state in State:
        assert names(database, mailing_id, state)[0] == state
        assert len(names(database, mailing_id, state)) == (7 if state is State.SENT else 1)
    assert set(OUTCOMES) == {*State, NOT_BOUNCED}


@pytest.mark.parametrize(
    ("purpose", "left"),
    [
        ("bulk", ["left-another-list", "left-another-sender"]),
        ("transactional", ["left", "left-the-list", "left-another-list", "left-another-sender"]),
    ],
)
def test_who_did_not_bounce_may_be_mailed_again(database: Database, purpose: str, left: list[str]) -> None:
    mailing_id = with_each_outcome(database, purpose=purpose, list_name="news" if purpose == "bulk" else "")
    assert names(database, mailing_id, NOT_BOUNCED) == ["sent", *left]


def test_each_is_given_once_however_many_pages_they_fill(database: Database) -> None:
    mailing_id = a_mailing(database, *({"state": ("sent", "failed")[n % 2]} for n in range(7)))
    with database.read() as connection:
        found = [one.address for one in deliveries.each(connection, mailing_id, State.SENT, chunk=2)]
    assert found == [f"person{n}@example.org" for n in (1, 3, 5, 7)]
