"""Who calls a mail spam gets no more of its sender's bulk mail; the mail stays what it was."""

from __future__ import annotations

from mailroom.feedback.report import ReportKind
from mailroom.ledger.consent.scopes import Scope
from mailroom.ledger.mailings import mailings
from mailroom.ledger.states import State
from tests.feedback.comes import Comes


def test_it_is_counted_once_and_ends_the_sender_s_bulk_mail(comes: Comes) -> None:
    first, second = comes.sent(2)
    comes.take(comes.report(first, ReportKind.COMPLAINED, words="abuse"))
    noted = comes.book.delivery(first).complained_at
    comes.take(*(comes.report(first, ReportKind.COMPLAINED) for _ in range(2)))
    row = comes.book.delivery(first)
    assert row.state == State.SENT and row.complained_at == noted is not None
    assert comes.book.delivery(second).complained_at is None
    with comes.database.read() as connection:
        mailing = mailings.get(connection, row.mailing_id)
    assert mailing is not None and mailing.complained == 1
    (listed,) = comes.listed()
    assert (listed.address_key, listed.scope) == ("p0@mail.example", Scope("post@mailroom.example"))
    assert (listed.reason, listed.evidence, listed.delivery_id) == ("complained", "abuse", first)
    assert comes.book.states(comes.book.accept(["p0@mail.example"])) == {"queued": 1}, "other mail goes on"


def test_what_was_in_doubt_arrived(comes: Comes) -> None:
    _, _, id = comes.book.in_doubt()
    comes.take(comes.report(id, ReportKind.COMPLAINED))
    assert comes.state(id) == State.SENT
