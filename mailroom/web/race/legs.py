"""The legs of a race, one after the other, so that none disturbs another's time.

The same mails by the way that makes people wait, plain Flask-Mail inside the request, and through the
queue: one durable acceptance, and workers do the rest.
"""

from __future__ import annotations

import time

from flask import Flask
from flask_mail import Mail, Message
from sqlalchemy import Connection

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Submission
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings
from mailroom.ledger.states import MailingState, State
from mailroom.queue import Queue
from mailroom.web.race.record import Leg, Race, Races

RACE_SENDER = "race@example.org"

RACE_TEXT = """Hello,

this mail was sent by Mailroom's race: the same few mails, once inside the
request and once through the queue, to a server that takes its time.
"""


def run_next(database: Database, queue: Queue, races: Races, race: Race, slow_server: str) -> bool:
    """Runs the leg that is next and keeps what it measured. False: another request runs it."""
    with races.running(race.id) as mine:
        current = races.get(race.id)
        if not mine or current is None or len(current.legs) != len(race.legs):
            return False
        plan = race.next_plan
        assert plan is not None
        if plan.kind == "inline":
            leg = _send_inline(slow_server, race.mails)
        else:
            leg = _send_queued(database, queue, race.mails, plan.sessions)
        race.legs.append(leg)
        races.save(race)
    return True


def catch_up(database: Database, races: Races, race: Race) -> None:
    """Notes the arrival of a queued leg that has ended since somebody last looked."""
    if not race.legs or race.legs[-1].finished:
        return
    with database.read() as connection:
        if _look_for_arrival(connection, race.legs[-1]):
            races.save(race)


def _send_inline(slow_server: str, mails: int) -> Leg:
    """Sends `mails` mails as a first Flask view does, and says how long that view took.

    One connection for all of them: the kindest way Flask-Mail has.
    """
    host, _, port = slow_server.rpartition(":")
    # An application of its own: Flask-Mail reads its server from the configuration, and
    # the server that this race runs against is not the one that Mailroom delivers to.
    article = Flask("race")
    article.config.update(MAIL_SERVER=host, MAIL_PORT=int(port), MAIL_DEFAULT_SENDER=RACE_SENDER)
    mail = Mail(article)
    initiated_at, began = time.time(), time.perf_counter()
    last_arrived_at, error = None, ""
    try:
        with article.app_context(), mail.connect() as connection:
            for recipient in _recipients(mails):
                connection.send(Message(subject=_subject(mails), recipients=[recipient], body=RACE_TEXT))
                last_arrived_at = time.time()
    except OSError as problem:  # smtplib's errors are OSErrors too
        error = f"The slow server at {slow_server} did not take the mails: {problem}"
    seconds = time.perf_counter() - began
    return Leg("inline", 1, initiated_at, time.time(), seconds, last_arrived_at=last_arrived_at, error=error)


def _send_queued(database: Database, queue: Queue, mails: int, sessions: int) -> Leg:
    """Accepts the same mails for the slow server, and says how long that view took."""
    submission = Submission(
        content=Content(sender=Address(RACE_SENDER), subject=_subject(mails), text=RACE_TEXT),
        recipients=[Recipient(address) for address in _recipients(mails)],
        route="slow",
        max_sessions=sessions,
    )
    initiated_at, began = time.time(), time.perf_counter()
    accepted = accept(database, queue, submission)
    seconds = time.perf_counter() - began
    return Leg("queued", sessions, initiated_at, time.time(), seconds, mailing_id=accepted.mailing_id)


def _look_for_arrival(connection: Connection, leg: Leg) -> bool:
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


def _subject(mails: int) -> str:
    return f"A race of {mails} mails" if mails > 1 else "A race of one mail"


def _recipients(mails: int) -> list[str]:
    return [f"runner-{number}@example.org" for number in range(1, mails + 1)]
