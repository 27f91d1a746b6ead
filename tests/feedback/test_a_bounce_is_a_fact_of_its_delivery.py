"""What comes back moves the delivery that it is of, once, and is kept with all that it says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailroom.engine.feedback.taking import look_again
from mailroom.feedback.report import ReportKind
from mailroom.ledger.feedback import reports
from mailroom.ledger.mailings import mailings
from mailroom.ledger.states import State
from tests.feedback.comes import GONE, Comes


def test_what_was_sent_is_bounced_and_says_why(comes: Comes) -> None:
    (id,) = comes.sent()
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    (taken,) = comes.take(comes.report(id, at=at, raw=b"Final-Recipient: ...", **GONE))
    assert taken == (id, "", True)
    row = comes.book.delivery(id)
    assert (row.state, row.code, row.reply) == (State.BOUNCED, 550, "5.1.1 User unknown")
    with comes.database.read() as connection:
        (told,) = reports.of_delivery(connection, id)
        mailing = mailings.get(connection, row.mailing_id)
    assert mailing is not None and mailing.counts[State.BOUNCED] == 1
    assert told.moment == at and told.fact.raw == b"Final-Recipient: ..." and told.fact.status == "5.1.1"
    assert told.fact.taken_with == "250 2.0.0 Ok" and told.fact.taken_at is not None


def test_read_twice_it_is_counted_once(comes: Comes) -> None:
    (id,) = comes.sent()
    report = comes.report(id, **GONE)
    assert [taken.is_new for taken in comes.take(report, report)] == [True, False]
    assert comes.take(report) == [(id, "", False)]
    assert comes.number_kept() == 1
    assert comes.take(comes.report(id, **GONE)) == [(id, "", True)], "another one is another fact"
    assert comes.number_kept() == 2 and comes.state(id) == State.BOUNCED


@pytest.mark.parametrize(
    "kind", [ReportKind.DELAYED, ReportKind.RELAYED, ReportKind.DELIVERED, ReportKind.SENT]
)
def test_other_facts_change_no_state(comes: Comes, kind: ReportKind) -> None:
    (id,) = comes.sent()
    assert comes.take(comes.report(id, kind)) == [(id, "", True)]
    assert comes.state(id) == State.SENT
    assert [row.kind for row in comes.kept()] == [kind]


@pytest.mark.parametrize("kind", [ReportKind.RELAYED, ReportKind.DELIVERED, ReportKind.SENT])
def test_what_was_taken_is_in_doubt_no_more(comes: Comes, kind: ReportKind) -> None:
    mailing_id, _, id = comes.book.in_doubt()
    assert comes.state(id) == State.UNKNOWN
    comes.take(comes.report(id, kind))
    row = comes.book.delivery(id)
    assert row.state == State.SENT and row.due_at is None, "and is not sent again"
    assert comes.book.gather(mailing_id) == [] and comes.book.mailing(mailing_id).ended_at is not None


def test_what_was_in_doubt_and_came_back_is_bounced(comes: Comes) -> None:
    mailing_id, _, id = comes.book.in_doubt()
    comes.take(comes.report(id, **GONE), comes.report(id, ReportKind.RELAYED))
    assert comes.state(id) == State.BOUNCED, "whatever else is said of it"
    assert comes.book.gather(mailing_id) == []


def test_in_doubt_and_in_a_batch_again_it_is_not_sent_again(comes: Comes) -> None:
    mailing_id, _, id = comes.book.in_doubt()
    comes.book.gather(mailing_id)
    lease = comes.book.claim()
    comes.take(comes.report(id, **GONE))
    assert comes.book.mark(lease, id) == "taken"
    assert comes.book.close(lease) and comes.state(id) == State.BOUNCED


def test_of_a_batch_that_goes_on_it_is_counted_once(comes: Comes) -> None:
    """Bounces come while the rest of the batch is still being sent."""
    mailing_id = comes.book.accept(3)
    lease = comes.book.claim()
    first, second, _ = comes.book.inside(lease)
    comes.book.send(lease, [first, second])
    comes.take(comes.report(first, **GONE))
    comes.book.check()
    assert comes.book.close(lease)
    assert comes.book.states(mailing_id) == {"bounced": 1, "sent": 1, "queued": 1}


def test_while_it_is_handed_over_it_waits_for_what_the_server_says(comes: Comes) -> None:
    """A relay may be quicker with its bounce than we with our note."""
    _, lease, id = comes.book.marked()
    comes.take(comes.report(id, **GONE))
    assert comes.state(id) == State.SENDING and look_again(comes.database, comes.rules) == 0
    assert comes.book.sent(lease, id)
    assert look_again(comes.database, comes.rules) == 1
    assert comes.state(id) == State.BOUNCED and look_again(comes.database, comes.rules) == 0
    assert comes.book.close(lease)


def test_what_waits_is_not_moved_by_a_report(comes: Comes) -> None:
    mailing_id, lease, id = comes.book.marked()
    comes.book.trouble(lease, id, State.DEFERRED, due_in_ms=60_000)
    comes.take(comes.report(id, **GONE))
    assert comes.state(id) == State.DEFERRED and comes.number_kept() == 1
    assert comes.book.close(lease) and comes.book.states(mailing_id) == {"deferred": 1}


def test_whatever_a_stranger_wrote_into_it_is_kept(comes: Comes) -> None:
    (id,) = comes.sent()
    odd = "a\0b\udcff\u202e" + "x" * 5_000
    (taken,) = comes.take(
        comes.report(
            id, address=odd, words=odd, reporter=odd, key="\0" * 99, status="5.1", code=99, raw=b"\0" * 10**6
        )
    )
    assert taken.delivery_id == id
    (row,) = comes.kept()
    assert row.code is None and row.status == "" and len(row.raw) == 65_536 and len(row.key) == 64
