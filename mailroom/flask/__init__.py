"""Flask-Mail's interface, with Mailroom behind it: change the import, and mail is queued.

    from mailroom.flask import Mail, Message

Every name of `flask_mail` is here. What cannot be queued raises NotQueued, which is an
SMTPException, so that a view that was ready for a mail server's trouble is ready for ours.
"""

from __future__ import annotations

from flask_mail import (
    Attachment,
    BadHeaderError,
    FlaskMailUnicodeDecodeError,
    Message,
    email_dispatched,
    force_text,
    sanitize_address,
    sanitize_addresses,
    sanitize_subject,
    signals,
)

from mailroom.flask.errors import Away, NotQueued, NotSetUp, Refused
from mailroom.flask.mail import Connection, Mail

__all__ = [
    "Attachment",
    "Away",
    "BadHeaderError",
    "Connection",
    "FlaskMailUnicodeDecodeError",
    "Mail",
    "Message",
    "NotQueued",
    "NotSetUp",
    "Refused",
    "email_dispatched",
    "force_text",
    "sanitize_address",
    "sanitize_addresses",
    "sanitize_subject",
    "signals",
]
