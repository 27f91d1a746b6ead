"""Verdicts: what the ledger is told of a try that was no success. Pure: no server, no ledger, no clock.

temporary   deferred, due again by backoff (in the ledger: at the mailing's end at the latest)
permanent   failed
unknown     unknown, and due once more after a lease if the mailing's policy is to resend
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from mailroom.engine.send.suspects import Suspect
from mailroom.ledger.batches import batches
from mailroom.ledger.batches.waiting_deliveries import WaitingDelivery
from mailroom.ledger.deliveries.tries import Outcome
from mailroom.ledger.states import State
from mailroom.smtp import backoff
from mailroom.smtp.blame import Blame
from mailroom.smtp.failure import Failure

REOPENED_AT_MOST = 2
"""How often a delivery is tried again at once after a session that died before its dot."""

DEAD_AT_MOST = 20
"""The same, where the session had sent others before: it was just over, as kept ones may be."""


def goes_again_at_once(failure: Failure, losses: int, *, had_worked: bool) -> bool:
    """Whether a delivery whose `losses`th session died before its dot gets another one now.

    Not when the server named a time. `had_worked`: the session had sent others.
    """
    names_a_time = failure.reply is not None and failure.reply.retry_after is not None
    return not names_a_time and losses <= (DEAD_AT_MOST if had_worked else REOPENED_AT_MOST)


def of_failure(
    delivery: WaitingDelivery,
    failure: Failure,
    waits: Sequence[timedelta],
    server: str,
) -> Outcome:
    """A server's no, or its silence. `waits`: between tries."""
    words = failure.reply.text if failure.reply else failure.message
    if failure.kind == "permanent":
        state, due_in_ms = State.FAILED, None
    elif failure.kind == "unknown":
        state, due_in_ms = State.UNKNOWN, batches.LEASE_MS  # if its mailing's policy wants it again at all
    else:
        wait = backoff.delay(delivery.attempts + 1, waits, failure.reply)
        state, due_in_ms = State.DEFERRED, round(wait * 1000)
    return Outcome(delivery.id, state, failure.code, words, server, failure.stage, due_in_ms)


def of_merge_error(delivery: WaitingDelivery, error: Exception, server: str) -> Outcome:
    """Its variables do not fit: nobody else's fault."""
    return Outcome(delivery.id, State.FAILED, None, str(error), server, "data")


def of_suppression(delivery: WaitingDelivery, server: str) -> Outcome:
    """Its mark was refused for its address: no attempt was made."""
    words = "the address is on the suppression list"
    return Outcome(delivery.id, State.SUPPRESSED, None, words, server, "data", is_attempt=False)


def of_a_spared(suspect: Suspect, server: str, due_in_ms: int) -> Outcome:
    """It was refused because of us: it waits as it did before, and only the log of tries knows."""
    failure = suspect.failure
    words = failure.reply.text if failure.reply else failure.message
    return Outcome(
        suspect.delivery.id, State.QUEUED, failure.code, words, server, failure.stage, due_in_ms, False
    )


def held_for(suspect: Suspect, server: str) -> str:
    """Why workers pause a mailing, in a sentence."""
    what = (
        f"the sender {suspect.sender}"
        if suspect.blame is Blame.SENDER
        else "it to one recipient after another"
    )
    return f"{server} refuses {what}: {suspect.failure.reply}".rstrip(".")
