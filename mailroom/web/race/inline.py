"""The way that makes people wait: plain Flask-Mail, inside the request, one mail after another."""

from __future__ import annotations

import time

from flask import Flask
from flask_mail import Mail, Message

from mailroom.web.race.mails import RACE_SENDER, RACE_TEXT, recipients, subject
from mailroom.web.race.record import Leg


def send_inline(slow_server: str, mails: int) -> Leg:
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
            for recipient in recipients(mails):
                connection.send(Message(subject=subject(mails), recipients=[recipient], body=RACE_TEXT))
                last_arrived_at = time.time()
    except OSError as problem:  # smtplib's errors are OSErrors too
        error = f"The slow server at {slow_server} did not take the mails: {problem}"
    return Leg(
        kind="inline",
        sessions=1,
        initiated_at=initiated_at,
        completed_at=time.time(),
        seconds=time.perf_counter() - began,
        last_arrived_at=last_arrived_at,
        error=error,
    )
