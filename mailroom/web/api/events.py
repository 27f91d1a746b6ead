"""last_event: where an email stands, in Resend's words."""

from __future__ import annotations

from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import LastEvent, MailingState


def last_event(mailing: Mailing) -> LastEvent:
    """One word for all recipients; `deliveries` tell of each."""
    if mailing.state is MailingState.SCHEDULED:
        return LastEvent.SCHEDULED
    found = {state.about.last_event for state, number in mailing.counts.items() if number}
    if mailing.state is MailingState.CANCELED and LastEvent.QUEUED in found:
        found = found - {LastEvent.QUEUED} | {LastEvent.CANCELED}  # the sweeper is about to write it down
    return next((event for event in LastEvent if event in found), LastEvent.QUEUED)
