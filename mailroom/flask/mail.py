"""Mail and Connection of Flask-Mail, with a way into Mailroom in place of an SMTP host."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Protocol

import flask_mail
from flask import Flask, current_app

from mailroom.content.check import check
from mailroom.content.content import Attachment, Content
from mailroom.content.flask_message import MessageError, from_flask_mail
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.accept.aftermath import aftermath
from mailroom.flask.errors import Refused
from mailroom.flask.transport import MAIL_EXTENSION, Transport, transport_of

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    class State(Protocol):
        """What Flask-Mail keeps in app.extensions["mail"], as far as it matters here."""

        suppress: bool
        ascii_attachments: bool


class Mail(flask_mail.Mail):
    """`mail.send(Message(...))` returns when the mail is on disk; workers deliver it."""

    def init_app(self, app: Flask) -> Any:
        state = super().init_app(app)
        app.extensions.setdefault(MAIL_EXTENSION, {})
        return state

    def connect(self) -> Connection:
        app = getattr(self, "app", None) or current_app
        if "mail" not in app.extensions:
            raise RuntimeError("The current application was not configured with Mailroom: Mail(app)")
        return Connection(app.extensions["mail"])


class Connection(flask_mail.Connection):
    """What `with mail.connect()` gives: many messages over one way into Mailroom."""

    def __init__(self, mail: Any) -> None:
        super().__init__(mail)
        self.transport: Transport | None = None

    def __enter__(self) -> Self:
        self.num_emails = 0
        self.transport = None if self.mail.suppress else transport_of(_app())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.transport is not None:
            self.transport.close()

    def send(self, message: flask_mail.Message, envelope_from: str | tuple[str, str] | None = None) -> None:
        """Queues the message. Raises NotQueued, and BadHeaderError as Flask-Mail does."""
        _check_as_flask_mail_does(message)
        if message.date is None:
            message.date = time.time()
        if self.transport is not None:
            content, recipients = _read(message, envelope_from, self.mail)
            self.transport.send(content, recipients)
            with aftermath("email_dispatched"):
                flask_mail.email_dispatched.send(_app(), message=message)
        else:
            flask_mail.email_dispatched.send(_app(), message=message)
        self.num_emails += 1


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


def _check_as_flask_mail_does(message: flask_mail.Message) -> None:
    if not message.send_to:
        raise AssertionError("No recipients have been added")
    if not message.sender:
        raise AssertionError(
            "The message does not specify a sender and a default sender has not been configured"
        )
    if message.has_bad_headers():
        raise flask_mail.BadHeaderError("A header has a line break in it")


def _read(
    message: flask_mail.Message, envelope_from: str | tuple[str, str] | None, state: State
) -> tuple[Content, list[Recipient]]:
    try:
        content, recipients = from_flask_mail(message)
    except MessageError as error:
        raise Refused(error.problems) from None
    if state.ascii_attachments:
        content = replace(content, attachments=tuple(_with_ascii_name(a) for a in content.attachments))
    problems = [*_envelope_problems(envelope_from, content), *_problems(content, recipients)]
    if problems:
        raise Refused(problems)
    return content, recipients


def _problems(content: Content, recipients: list[Recipient]) -> list[tuple[str, str]]:
    """Everything but what a form asks for: Flask-Mail sends mail without a subject or a text."""
    empty = {
        "subject": not content.subject.strip(),
        "text": not (content.text.strip() or content.html.strip()),
    }
    return [(field, sentence) for field, sentence in check(content, [], recipients) if not empty.get(field)]


def _envelope_problems(
    envelope_from: str | tuple[str, str] | None, content: Content
) -> list[tuple[str, str]]:
    if envelope_from is None:
        return []
    _, address = parseaddr(flask_mail.sanitize_address(envelope_from))
    if address.lower() == content.sender.address.lower():
        return []
    sentence = "Mailroom's envelope sender is the message's sender: leave envelope_from out, or set sender."
    return [("envelope_from", sentence)]


def _with_ascii_name(attachment: Attachment) -> Attachment:
    plain = unicodedata.normalize("NFKD", attachment.filename).encode("ascii", "ignore").decode("ascii")
    return replace(attachment, filename=" ".join(plain.split()))
