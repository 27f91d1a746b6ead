"""Undo: within its seconds nobody is mailed, and cancel takes all of it back."""

from __future__ import annotations

import time

from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.states import MailingState, State
from tests.control.conftest import Start, on_both


@on_both
def test_what_is_undone_in_time_reaches_nobody_and_what_is_not_goes_out(start: Start) -> None:
    """A small one, one that fills several batches, one that is written in parts."""
    system = start()
    system.start_workers(1)
    system.wait(system.queue.workers)
    began = time.time()
    undone = [system.accept(number, undo=3_600) for number in (1, 250, 2_600)]
    let_go = system.accept(["late@mail.example"], undo=2)
    assert {one.state for one in (*undone, let_go)} == {MailingState.SCHEDULED}
    [message] = system.sink.wait(1)
    assert message.time >= began + 2 and message.recipient == "late@mail.example"
    for one in undone:
        with system.database.begin() as connection:
            assert lifecycle.cancel(connection, one.mailing_id)
    for one in undone:
        ended = system.wait_until_over(one.mailing_id)
        assert (ended.state, ended.counts[State.CANCELED]) == (MailingState.CANCELED, one.total)
        assert ended.started_at is None
    assert system.sink.count() == 1


@on_both
def test_the_seconds_count_from_when_it_is_accepted_and_lose_to_a_later_time(start: Start) -> None:
    system = start()
    accepted = system.accept(2_600, undo=60)  # written in parts, which takes its time
    mailing = system.mailing(accepted.mailing_id)
    assert mailing.send_at is not None
    assert mailing.next_due_at == mailing.send_at
    assert (mailing.send_at - mailing.created_at).total_seconds() > 60
    later = mailing.send_at.replace(year=mailing.send_at.year + 1)
    scheduled = system.mailing(system.accept(1, undo=60, send_at=later).mailing_id)
    assert scheduled.send_at == later
