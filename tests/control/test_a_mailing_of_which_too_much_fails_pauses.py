"""By itself, once, with real workers: of a bad list only the first are tried."""

from __future__ import annotations

import pytest

from mailroom.ledger.mailings import canary, lifecycle
from mailroom.ledger.states import MailingState
from tests.control.conftest import Start, on_both
from tests.system import System

REFUSED = "rcpt gone*: reply rcpt 550 5.1.1 No such user"
WHY = "20 of 60 mails failed, more than 30 %"


def people(gone: int, of: int, then: int) -> list[str]:
    """The gone ones among the first, not in a row."""
    first = [f"{'gone' if n % 3 == 0 and n // 3 < gone else 'ann'}{n}@d{n % 7}.example" for n in range(of)]
    return [*first, *(f"bob{n}@d{n % 7}.example" for n in range(then))]


def state_of(system: System, mailing_id: int) -> MailingState:
    return system.mailing(mailing_id).state


@on_both
def test_it_pauses_and_whoever_resumes_it_is_obeyed(start: Start) -> None:
    system = start(REFUSED)
    bad = system.accept(people(20, of=60, then=140), canary=60).mailing_id
    system.start_workers(2)
    system.wait(lambda: state_of(system, bad) is MailingState.PAUSED)
    found = system.mailing(bad)
    assert found.held_for == found.tripped_for == WHY
    assert system.counts(bad) == {"sent": 40, "failed": 20, "queued": 140}
    with system.database.begin() as connection:
        assert canary.release(connection, bad)
    assert state_of(system, bad) is MailingState.PAUSED
    with system.database.begin() as connection:
        assert lifecycle.resume(connection, bad)
    system.wait_until_over(bad)
    assert system.counts(bad) == {"sent": 180, "failed": 20}


@pytest.mark.parametrize(("share", "gone"), [("30", 18), ("0", 20)])
def test_an_honest_one_goes_on(start: Start, share: str, gone: int) -> None:
    system = start(REFUSED, MAILROOM_FAILURES_PAUSE_AT=share)
    system.start_workers(1)
    mailing = system.wait_until_over(system.accept(people(gone, of=60, then=0)).mailing_id)
    assert (mailing.state, mailing.tripped_for) == (MailingState.DONE, None)


def test_of_a_small_batch_after_another_the_whole_mailing_is_judged(start: Start) -> None:
    system = start(REFUSED)
    system.start_workers(1)
    bad = system.accept([*people(0, of=100, then=0), *(f"gone{n}@d{n % 7}.example" for n in range(300))])
    system.wait(lambda: state_of(system, bad.mailing_id) is MailingState.PAUSED)
    counts = system.counts(bad.mailing_id)
    assert counts["failed"] * 100 > 30 * (counts["failed"] + counts["sent"]) and counts["queued"] >= 100
