"""What the ledger is told of a try that was no success: told from the server's words alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailroom.content.merge.plain import MergeError
from mailroom.engine.send import verdict
from mailroom.ledger import states
from mailroom.ledger.batches import batches
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.smtp.failure import Failure, Kind
from mailroom.smtp.reply import Reply

WAITS = [timedelta(minutes=1), timedelta(minutes=5)]
SERVER = "mail.example:25"


def delivery(attempts: int = 0) -> WaitingDelivery:
    return WaitingDelivery(7, 1, "ann@mail.example", "", None, attempts)


def failure(kind: Kind = "temporary", reply: Reply | None = None) -> Failure:
    return Failure("the connection was lost", stage="dot", kind=kind, reply=reply)


def of(failure: Failure, row: WaitingDelivery | None = None) -> Outcome:
    return verdict.of_failure(row or delivery(), failure, WAITS, SERVER)


def test_a_refusal_for_good_is_failed_and_never_due() -> None:
    outcome = of(failure("permanent", Reply(550, "5.1.1 No such user")))
    assert (outcome.state, outcome.code, outcome.reply) == (states.FAILED, 550, "5.1.1 No such user")
    assert (outcome.due_in_ms, outcome.server, outcome.stage) == (None, SERVER, "dot")


@pytest.mark.parametrize(("attempts", "wait"), [(0, 60), (1, 300), (9, 300)])
def test_a_later_is_deferred_by_the_backoff_of_its_attempt(attempts: int, wait: int) -> None:
    outcome = of(failure(reply=Reply(451, "4.7.1 Try again")), delivery(attempts=attempts))
    assert outcome.state == states.DEFERRED and outcome.is_attempt
    assert outcome.due_in_ms is not None and 0.5 * wait <= outcome.due_in_ms / 1000 <= 1.5 * wait


def test_a_time_that_the_server_names_is_kept() -> None:
    outcome = of(failure(reply=Reply(450, "4.2.0 Greylisted, try again in 900 seconds")))
    assert outcome.due_in_ms is not None and outcome.due_in_ms >= 900_000


def test_a_silence_without_words_of_the_server_is_told_in_ours() -> None:
    outcome = of(failure())
    assert (outcome.code, outcome.reply) == (None, "the connection was lost")


def test_an_unknown_one_is_sent_once_more_after_a_lease_if_its_policy_lets_it() -> None:
    outcome = of(failure("unknown"))
    assert (outcome.state, outcome.due_in_ms) == (states.UNKNOWN, batches.LEASE_MS)


def test_a_letter_that_does_not_fit_fails_before_any_server() -> None:
    outcome = verdict.of_merge_error(delivery(), MergeError("there is no {{ city }}"), SERVER)
    assert (outcome.state, outcome.reply, outcome.due_in_ms) == (
        states.FAILED,
        "there is no {{ city }}",
        None,
    )


def test_a_suppression_is_no_attempt() -> None:
    outcome = verdict.of_suppression(delivery(), SERVER)
    assert outcome.state == states.SUPPRESSED and not outcome.is_attempt


@pytest.mark.parametrize(
    ("had_worked", "most"), [(False, verdict.REOPENED_AT_MOST), (True, verdict.DEAD_AT_MOST)]
)
def test_a_session_that_dies_before_the_dot_is_replaced_at_once_but_not_for_ever(
    had_worked: bool, most: int
) -> None:
    again = [verdict.goes_again_at_once(failure(), n, had_worked=had_worked) for n in range(1, most + 2)]
    assert again == [True] * most + [False]


def test_a_server_that_names_a_time_is_not_asked_at_once() -> None:
    busy = failure(reply=Reply(421, "4.7.0 Try again in 60 seconds"))
    assert not verdict.goes_again_at_once(busy, 1, had_worked=True)
