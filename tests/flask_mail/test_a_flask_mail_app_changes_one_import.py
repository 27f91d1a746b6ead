"""A small application written for Flask-Mail, its import changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from smtplib import SMTPException
from typing import Any

import flask_mail
import pytest
from flask import Flask
from sqlalchemy import select

from mailroom.database.engine import Database
from mailroom.flask import Attachment, BadHeaderError, Mail, Message, Refused, email_dispatched
from mailroom.ledger.schema import deliveries, mailings, originals
from tests.no_redis import ANSWERS, NoRedis
from tests.servers import Catcher, Valkey
from tests.system import System

mail = Mail()


def create_app(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(MAIL_DEFAULT_SENDER=("The Shop", "shop@example.com"), MAIL_MAX_EMAILS=1, **config)
    mail.init_app(app)

    @app.post("/order")
    def order() -> str:
        message = Message(
            "Your order Nº 7", recipients=["ann@example.org"], cc=[("Bob Roe", "bob@example.org")]
        )
        message.body, message.html = "Thank you.", "<p>Thank you.</p>"
        message.bcc = ["archive@example.com"]
        message.reply_to = "service@example.com"
        message.extra_headers = {"X-Order": "7"}
        message.attach("rechnung-ä.pdf", "application/pdf", b"%PDF-1.4")
        mail.send(message)
        return "ordered"

    @app.post("/news")
    def news() -> str:
        with mail.connect() as connection:
            for number in range(3):
                connection.send(Message("News", recipients=[f"reader{number}@example.org"], body="Hi"))
        return "sent"

    @app.post("/short")
    def short() -> str:
        mail.send_message("", recipients=["ann@example.org"], body="no subject at all")
        return "sent"

    return app


@pytest.fixture
def system(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, sqlite_url, valkey.url) as system:
        yield system


@pytest.fixture
def app(system: System, valkey: Valkey) -> Flask:
    return create_app(MAILROOM_DATABASE_URL=system.database.url, MAILROOM_REDIS_URL=valkey.url)


def test_a_view_queues_its_mail_and_workers_deliver_it(app: Flask, system: System, catcher: Catcher) -> None:
    assert app.test_client().post("/order").text == "ordered"
    assert app.test_client().post("/news").text == "sent"
    assert app.test_client().post("/short").text == "sent"

    system.start_workers(MAIL_PORT=str(catcher.port))
    orders = [m for m in catcher.wait_for(7, 20) if b"X-Order: 7" in m.content]
    assert sorted(m.recipients[0] for m in orders) == [
        "ann@example.org",
        "archive@example.com",
        "bob@example.org",
    ]
    assert len({m.content for m in orders}) == 1
    message = orders[0].message
    assert message["From"] == "The Shop <shop@example.com>"
    assert message["To"] == "ann@example.org" and message["Cc"] == "Bob Roe <bob@example.org>"
    assert message["Subject"] == "Your order Nº 7" and message["Reply-To"] == "service@example.com"
    assert "archive" not in str(message)
    assert [part.get_filename() for part in message.iter_attachments()] == ["rechnung-ä.pdf"]


def test_other_extensions_send_by_the_published_state(app: Flask, system: System) -> None:
    """As Flask-Security sends its resets. MAIL_SERVER is where they must not go."""
    app.config["MAIL_SERVER"] = "127.0.0.1"
    app.config["MAIL_PORT"] = 1
    mail.init_app(app)
    with app.app_context():
        published = app.extensions["mail"]
        published.send(flask_mail.Message("Reset", ["ann@example.org"], "t"))
        published.send_message("Reset", ["ann@example.org"], "t")
        with published.connect() as connection, published.record_messages() as outbox:
            flask_mail.Message("Reset", ["ann@example.org"], "t").send(connection)
            connection.send_message("Reset", ["ann@example.org"], "t")
        assert [message.subject for message in outbox] == ["Reset", "Reset"]
        assert mail.init_mail(app.config).connect().configure_host() is not None
    assert count(system.database) == 4


def test_each_application_has_its_own_mailroom(app: Flask, system: System) -> None:
    """Also where another one is current."""
    theirs = Mail(app)
    other = Flask("other")
    other.config.update(MAIL_SUPPRESS_SEND=True, MAIL_DEFAULT_SENDER="other@example.com")
    Mail(other)
    with other.app_context():
        theirs.send_message("s", ["ann@example.org"], "t")
    assert count(system.database) == 1


def test_it_returns_in_milliseconds(app: Flask) -> None:
    client = app.test_client()
    client.post("/order")
    began = time.perf_counter()
    client.post("/order")
    assert time.perf_counter() - began < 0.5


def test_record_messages_and_the_signal(app: Flask, system: System) -> None:
    heard: list[str] = []

    def listen(app: Flask, message: Message) -> None:
        heard.append(message.subject)

    with email_dispatched.connected_to(listen), mail.record_messages() as outbox:
        app.test_client().post("/news")
    assert [message.recipients for message in outbox] == [[f"reader{n}@example.org"] for n in range(3)]
    assert heard == ["News"] * 3
    assert count(system.database) == 3


@pytest.mark.parametrize("config", [{"TESTING": True}, {"MAIL_SUPPRESS_SEND": True}])
def test_suppressed_nothing_is_queued_and_no_mailroom_is_needed(config: dict[str, object]) -> None:
    app = create_app(**config)
    with mail.record_messages() as outbox:
        assert app.test_client().post("/order").status_code == 200
    assert len(outbox) == 1


def test_ascii_attachments(app: Flask, system: System) -> None:
    app.config["MAIL_ASCII_ATTACHMENTS"] = True
    mail.init_app(app)
    app.test_client().post("/order")
    with system.database.read() as connection:
        whole = connection.execute(select(originals.c.data)).scalar_one()
    assert b'filename="rechnung-a.pdf"' in whole


def test_the_sender_of_a_message_and_a_data_string(app: Flask, system: System) -> None:
    with app.app_context():
        message = Message("s", ["ann@example.org"], "t", sender=("Doe, John", "john@example.com"))
        message.attachments = [Attachment("a.txt", data="hällo")]
        mail.send(message)
    with system.database.read() as connection:
        row = connection.execute(select(mailings)).one()
    assert (row.sender_name, row.sender_address) == ("Doe, John", "john@example.com")


def test_what_cannot_be_mailed_is_refused_clearly(app: Flask, system: System) -> None:
    with app.app_context():
        with pytest.raises(AssertionError, match="No recipients"):
            mail.send(Message("s", body="t"))
        with pytest.raises(BadHeaderError):
            mail.send(Message("s\r\nBcc: eve@x.org", ["ann@example.org"], "t"))
        with pytest.raises(Refused, match="recipients: .*more than one address"):
            mail.send(Message("s", ["ann@example.org, bob@example.org"], "t"))
        with pytest.raises(Refused, match="headers: "):
            mail.send(Message("s", ["ann@example.org"], "t", extra_headers={"X-A": "b\r\nBcc: eve@x.org"}))
        with pytest.raises(Refused, match="envelope_from"), mail.connect() as connection:
            connection.send(Message("s", ["ann@example.org"], "t"), envelope_from="bounces")
    assert issubclass(Refused, SMTPException)
    assert count(system.database) == 0


def count(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(deliveries.c.id)).all())


def test_what_fails_after_a_mail_is_queued_is_not_an_error_of_sending_it(system: System) -> None:
    def fails(app: Flask, message: Message) -> None:
        raise ValueError("a listener of the application's own")

    with NoRedis(ANSWERS["a web server"]) as url, email_dispatched.connected_to(fails):
        app = create_app(DATABASE_URL=system.database.url, REDIS_URL=url)
        assert app.test_client().post("/news").text == "sent"
    assert count(system.database) == 3
