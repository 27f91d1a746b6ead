"""last_event: where an email stands, in Resend's words."""

from __future__ import annotations

from mailroom.ledger import states
from mailroom.ledger.mailings import Mailing

QUEUED, SCHEDULED, SENT, DELAYED = "queued", "scheduled", "sent", "delivery_delayed"
FAILED, SUPPRESSED, CANCELED = "failed", "suppressed", "canceled"

EVENTS = (QUEUED, SCHEDULED, SENT, DELAYED, FAILED, SUPPRESSED, CANCELED)
"""Never "delivered": a relay's 250 is not the inbox."""

OF_STATE = {
    states.QUEUED: QUEUED,
    states.SENDING: QUEUED,
    states.DEFERRED: DELAYED,
    states.UNKNOWN: DELAYED,  # it may have arrived: neither sent nor failed is true
    states.SENT: SENT,
    states.FAILED: FAILED,
    states.EXPIRED: FAILED,
    states.SUPPRESSED: SUPPRESSED,
    states.CANCELED: CANCELED,
}

MOST_TELLING_FIRST = (FAILED, DELAYED, CANCELED, QUEUED, SENT, SUPPRESSED)
"""Of several recipients: what somebody should look at, then what is still to come."""


def last_event(mailing: Mailing) -> str:
    """One word for all recipients; `deliveries` tell of each."""
    if mailing.state == states.SCHEDULED:
        return SCHEDULED
    found = {OF_STATE[state] for state, number in mailing.counts.items() if number}
    if mailing.state == states.CANCELED and QUEUED in found:
        found = found - {QUEUED} | {CANCELED}  # the sweeper is about to write it down
    return next((event for event in MOST_TELLING_FIRST if event in found), QUEUED)
