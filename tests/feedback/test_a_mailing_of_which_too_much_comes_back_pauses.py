"""It pauses itself when a share is passed, says why, and does so once."""

from __future__ import annotations

import pytest

from mailroom.engine.feedback.rules import FeedbackRules
from mailroom.feedback.report import ReportKind
from mailroom.ledger.batches import waiting_deliveries
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.states import MailingState
from mailroom.settings import load
from tests.feedback.comes import FULL, Comes


def sent_of(comes: Comes, some: int, of: int) -> tuple[int, list[int]]:
    """A mailing of which so many were sent; their ids."""
    mailing_id = comes.book.accept(of)
    ids: list[int] = []
    while len(ids) < some:
        lease = comes.book.claim((comes.book.waiting() or comes.book.gather(mailing_id))[0])
        inside = comes.book.inside(lease)[: some - len(ids)]
        comes.book.send(lease, inside)
        comes.book.close(lease)
        ids += inside
    return mailing_id, ids


def resume(comes: Comes, mailing_id: int) -> None:
    with comes.database.begin() as connection:
        assert lifecycle.resume(connection, mailing_id)


def test_over_a_share_of_bounces(comes: Comes) -> None:
    mailing_id, ids = sent_of(comes, 60, of=90)
    comes.take(*(comes.report(id, **FULL) for id in ids[:6]))
    assert comes.book.mailing(mailing_id).state is MailingState.ACTIVE, "6 of 60 are not more than a tenth"
    comes.take(comes.report(ids[6], **FULL))
    row = comes.book.mailing(mailing_id)
    assert row.state is MailingState.PAUSED
    assert row.held_for == row.tripped_for == "7 of 60 mails came back, more than 10 %"
    resume(comes, mailing_id)
    comes.take(*(comes.report(id, **FULL) for id in ids[7:20]))
    assert comes.book.mailing(mailing_id).state is MailingState.ACTIVE, "whoever resumed it is obeyed"
    lease = comes.book.claim((comes.book.waiting() or comes.book.gather(mailing_id))[0])
    with comes.database.read() as connection:
        left = waiting_deliveries.contents_later(connection, lease.batch_id)()
    assert left and not any(row.is_resumed for row in left), "what a server refuses is doubted as ever"


def test_of_a_few_a_share_says_nothing(comes: Comes) -> None:
    mailing_id, ids = sent_of(comes, 49, of=90)
    comes.take(*(comes.report(id, **FULL) for id in ids))
    assert comes.book.mailing(mailing_id).state is MailingState.ACTIVE


def test_what_is_still_in_a_batch_was_handed_over_too(comes: Comes) -> None:
    mailing_id = comes.book.accept(90)
    lease = comes.book.claim()
    ids = comes.book.inside(lease)
    comes.book.send(lease, ids[:60])
    comes.take(*(comes.report(id, **FULL) for id in ids[:7]))
    assert comes.book.mailing(mailing_id).held_for == "7 of 60 mails came back, more than 10 %"
    assert comes.book.mark(lease, ids[70]) == "paused"


def test_over_a_share_of_complaints(comes: Comes) -> None:
    mailing_id, ids = sent_of(comes, 1_000, of=1_100)
    comes.take(*(comes.report(id, ReportKind.COMPLAINED) for id in ids[:3]))
    assert comes.book.mailing(mailing_id).state is MailingState.ACTIVE
    comes.take(comes.report(ids[3], ReportKind.COMPLAINED))
    assert comes.book.mailing(mailing_id).held_for == "4 of 1,000 mails were called spam, more than 0.3 %"


def test_one_that_is_over_is_left_alone(comes: Comes) -> None:
    ids = comes.sent(60)
    comes.take(*(comes.report(id, **FULL) for id in ids))
    row = comes.book.mailing(comes.book.delivery(ids[0]).mailing_id)
    assert row.state is MailingState.DONE and row.tripped_for is None


@pytest.mark.parametrize("share", [0, 100])
def test_the_share_is_a_setting(comes: Comes, settings_env: dict[str, str], share: int) -> None:
    comes.rules = FeedbackRules.of(load({**settings_env, "MAILROOM_BOUNCES_PAUSE_AT": str(share)}))
    mailing_id, ids = sent_of(comes, 60, of=90)
    comes.take(*(comes.report(id, **FULL) for id in ids))
    assert comes.book.mailing(mailing_id).state is MailingState.ACTIVE


def test_the_rules_without_settings_are_theirs(settings_env: dict[str, str]) -> None:
    assert FeedbackRules.of(load(settings_env)) == FeedbackRules()
    settings_env["MAILROOM_BOUNCE_ADDRESS"] = "bounces@mailroom.example"
    assert FeedbackRules.of(load(settings_env)) == FeedbackRules(is_signed=True)


@pytest.mark.parametrize(
    ("taken", "failed", "share", "why"),
    [
        (34, 15, 30, ""),  # of 49 a share says nothing
        (35, 15, 30, ""),
        (34, 16, 30, "16 of 50 mails failed, more than 30 %"),
        (0, 50, 100, ""),
        (0, 50, 0, ""),
    ],
)
def test_over_a_share_of_failures(
    settings_env: dict[str, str], taken: int, failed: int, share: int, why: str
) -> None:
    rules = FeedbackRules.of(load({**settings_env, "MAILROOM_FAILURES_PAUSE_AT": str(share)}))
    assert rules.why_pause(taken, 0, 0, failed) == why
