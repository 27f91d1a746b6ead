"""One mail, as every peer's task sends it: by hand with what Python brings, or by Flask-Mail.

By hand is MIMEText and smtplib, the faster way: the newer EmailMessage takes five times as
long to build a message, and Flask-Mail three times.
"""

from __future__ import annotations

import os
import smtplib
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid

from flask import Flask
from flask_mail import Mail, Message

from benchmarks import letter

PORT = int(os.environ.get("MAIL_PORT", "25"))

app = Flask("mails")
app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=PORT)
flask_mail = Mail(app)


def send(number: int) -> None:
    if os.environ.get("PEER_FLASK_MAIL"):
        _send_by_flask_mail(number)
    else:
        _send_by_hand(number)


def _send_by_hand(number: int) -> None:
    values = letter.values(number)
    message = MIMEMultipart("alternative")
    message["Subject"] = letter.SUBJECT.format(**values)
    message["From"] = letter.SENDER
    message["To"] = letter.address(number)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="mailroom.example")
    message.attach(MIMEText(letter.TEXT.format(**values), "plain"))
    message.attach(MIMEText(letter.HTML.format(**values), "html"))
    with smtplib.SMTP("127.0.0.1", PORT) as server:
        server.sendmail(letter.SENDER, [letter.address(number)], message.as_bytes())


def _send_by_flask_mail(number: int) -> None:
    values = letter.values(number)
    with app.app_context():
        flask_mail.send(
            Message(
                subject=letter.SUBJECT.format(**values),
                sender=letter.SENDER,
                recipients=[letter.address(number)],
                body=letter.TEXT.format(**values),
                html=letter.HTML.format(**values),
            )
        )
