"""The queued leg of the race: one durable acceptance, and workers do the rest."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.draft import Draft
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings
from mailroom.ledger.states import MailingState, State
from mailroom.queue import Queue
from mailroom.web.race.mails import RACE_SENDER, RACE_TEXT, recipients, subject
from mailroom.web.race.record import Leg


def send_queued(database: Database, queue: Queue, mails: int, sessions: int) -> Leg:
    """Accepts the same mails for the slow server, and says how long that view took."""
    initiated_at, began = time.time(), time.perf_counter()
    accepted = accept(database, queue, _draft(mails, sessions))
    seconds = time.perf_counter() - began
    return Leg(
        kind="queued",
        sessions=sessions,
        initiated_at=initiated_at,
        completed_at=time.time(),
        seconds=seconds,
        mailing_id=accepted.mailing_id,
    )


def look_for_arrival(connection: Connection, leg: Leg) -> bool:
    """Notes when the last mail of a queued leg arrived; True once it is over."""
    assert leg.mailing_id is not None
    mailing = mailings.get(connection, leg.mailing_id)
    if mailing is None or mailing.state is MailingState.CANCELED:
        leg.error = "The mailing was canceled."
    elif mailing.state is MailingState.DONE:
        page = deliveries.page(connection, mailing.id, limit=100)
        unsent = [delivery for delivery in page if delivery.state is not State.SENT]
        if unsent:
            why = unsent[0].reply or unsent[0].state
            leg.error = f"{len(unsent)} of {len(page)} mails were not sent: {why}"
        else:
            leg.last_arrived_at = max(delivery.updated_at for delivery in page).timestamp()
    return leg.finished


def _draft(mails: int, sessions: int) -> Draft:
    return Draft(
        content=Content(sender=Address(RACE_SENDER), subject=subject(mails), text=RACE_TEXT),
        recipients=[Recipient(address) for address in recipients(mails)],
        columns=[],
        route="slow",
        max_sessions=sessions,
    )
