"""Mail and Connection of Flask-Mail, with a way into Mailroom in place of an SMTP host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from socket import gethostname
from typing import Any, cast

import flask_mail
from flask import Flask, current_app

from mailroom import settings
from mailroom.content import private_domains
from mailroom.content.whole.flask_message import MessageError, handed_in
from mailroom.flask.errors import NotSetUp, Refused
from mailroom.flask.transport import MAIL_EXTENSION, Transport, transport_of
from mailroom.smtp.own_name import looked_up_name


class PublishedMail(flask_mail._Mail):
    """app.extensions["mail"]: other extensions send by this, Flask-Security among them."""

    def connect(self) -> Connection:
        return Connection(self, _current())


class Mail(flask_mail.Mail):
    """`mail.send(Message(...))` returns when the mail is on disk; workers deliver it."""

    def init_mail(self, *args: Any, **options: Any) -> PublishedMail:
        return PublishedMail(**vars(super().init_mail(*args, **options)))

    def init_app(self, app: Flask) -> PublishedMail:
        state = super().init_app(app)
        try:
            private_domains.allow(settings.private_domains_of(app.config))
        except settings.SettingsError as error:
            raise NotSetUp(str(error)) from None
        app.extensions.setdefault(MAIL_EXTENSION, {})
        return cast(PublishedMail, state)

    def connect(self) -> Connection:
        app = self.app or _current()
        if "mail" not in app.extensions:
            raise RuntimeError("The current application was not configured with Mailroom: Mail(app)")
        return Connection(app.extensions["mail"], app)


class Connection(flask_mail.Connection):
    """What `with mail.connect()` gives: many messages over one way into Mailroom."""

    host: Transport | None  # type: ignore[assignment]

    def __init__(self, mail: Any, app: Flask) -> None:
        super().__init__(mail)
        self._app = app

    def configure_host(self) -> Transport:  # type: ignore[override]
        """The way into Mailroom stands where Flask-Mail has its SMTP host."""
        return transport_of(self._app)

    def send(self, message: flask_mail.Message, envelope_from: str | tuple[str, str] | None = None) -> None:
        """Queues the message. Raises NotQueued, and BadHeaderError as Flask-Mail does."""
        _check_as_flask_mail_does(message)
        if message.date is None:
            message.date = time.time()
        if self.host is not None:
            try:
                handed = handed_in(message, envelope_from, host=_host())
            except MessageError as error:
                raise Refused(error.problems) from None
            self.host.send(handed)
        with nullcontext() if self.host is None else _accepted(self._app):
            flask_mail.email_dispatched.send(_current(), message=message)
        self.num_emails += 1


@cache
def _host() -> str:
    """As socket.getfqdn() says, which may take as long as it likes in the middle of a request."""
    return looked_up_name() or gethostname()


def _current() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


@contextmanager
def _accepted(app: Flask) -> Iterator[None]:
    """What listens must not make an error of a mail that is on disk: it would be sent again."""
    try:
        yield
    except Exception:
        app.logger.exception("the mail is accepted; what listens to email_dispatched failed")


def _check_as_flask_mail_does(message: flask_mail.Message) -> None:
    if not message.send_to:
        raise AssertionError("No recipients have been added")
    if not message.sender:
        raise AssertionError(
            "The message does not specify a sender and a default sender has not been configured"
        )
    if message.has_bad_headers():
        raise flask_mail.BadHeaderError("A header has a line break in it")
