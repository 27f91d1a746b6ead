"""The application is on another machine: MAILROOM_API_URL and MAILROOM_API_KEY."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from mailroom.flask import Away, Mail, Message, NotSetUp, Refused
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import deliveries, mailings, originals
from mailroom.settings import Settings
from tests.serving import serve, served

mail = Mail()


def shop(url: str, key: str) -> Flask:
    app = Flask(__name__)
    app.config.update(MAIL_DEFAULT_SENDER="Shop <shop@example.com>")
    app.config.update(MAILROOM_API_URL=url, MAILROOM_API_KEY=key)
    mail.init_app(app)
    return app


@pytest.fixture
def mailroom(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["mailroom"].database.dispose()
    app.extensions["mailroom"].queue.close()


@pytest.fixture
def url(mailroom: Flask) -> Iterator[str]:
    with served(mailroom) as url:
        yield f"{url}/api/v1"


@pytest.fixture
def key(mailroom: Flask) -> str:
    with mailroom.extensions["mailroom"].database.begin() as connection:
        return api_keys.add(connection, "shop", scopes=["send"])[0]


def test_everything_of_a_message_arrives(url: str, key: str, mailroom: Flask) -> None:
    with shop(url, key).app_context(), mail.connect() as connection:
        message = Message("Grüße", recipients=["Ann <ann@example.org>"], body="t", html="<p>h</p>")
        message.cc, message.bcc = ["bob@example.org"], ["carl@example.org"]
        message.reply_to, message.extra_headers = "service@example.com", {"X-Order": "7"}
        message.attach("a.txt", "text/plain", "hällo")
        connection.send(message)
        connection.send(Message("Second", recipients=["dora@example.org"], body="t"))
    with mailroom.extensions["mailroom"].database.read() as connection:
        rows = connection.execute(
            select(deliveries.c.address, deliveries.c.role).order_by(deliveries.c.id)
        ).all()
        first = connection.execute(select(mailings).order_by(mailings.c.id)).first()
        whole = (
            connection.execute(select(originals.c.data).order_by(originals.c.mailing_id)).scalars().first()
        )
    assert [tuple(row) for row in rows] == [
        ("ann@example.org", "to"),
        ("bob@example.org", "cc"),
        ("carl@example.org", "bcc"),
        ("dora@example.org", "to"),
    ]
    assert first is not None and (first.subject, first.sender_name, first.kind) == ("Grüße", "Shop", "shared")
    assert whole is not None and b64encode("hällo".encode()) in whole


def test_a_wrong_key_or_address_says_so(url: str, key: str) -> None:
    with shop(url, "mr_wrong").app_context(), pytest.raises(NotSetUp, match="MAILROOM_API_KEY.*invalid"):
        mail.send_message("s", ["ann@example.org"], "t")
    with shop(f"{url}/nowhere", key).app_context(), pytest.raises(NotSetUp, match="ends in /api/v1"):
        mail.send_message("s", ["ann@example.org"], "t")
    with shop("mail.example.org", key).app_context(), pytest.raises(NotSetUp, match="like https://"):
        mail.send_message("s", ["ann@example.org"], "t")
    with shop(url, "").app_context(), pytest.raises(NotSetUp, match="MAILROOM_API_KEY is not"):
        mail.send_message("s", ["ann@example.org"], "t")


def test_what_the_api_refuses_is_refused_with_its_words(url: str, key: str, mailroom: Flask) -> None:
    with mailroom.extensions["mailroom"].database.begin() as connection:
        bound, _ = api_keys.add(connection, "news", scopes=["send"], senders=["news@example.com"])
    with shop(url, bound).app_context(), pytest.raises(Refused, match="may not send from shop@example.com"):
        mail.send_message("s", ["ann@example.org"], "t")
    with shop(url, key).app_context(), pytest.raises(Refused, match="more than one Sender"):
        headers = {"Sender": "a@example.com", "sender": "b@example.com"}
        mail.send_message("s", ["ann@example.org"], "t", extra_headers=headers)


def test_it_tries_again_with_the_same_idempotency_key() -> None:
    with stand_in([503, None, 429, 200]) as (url, seen), shop(url, "mr_k").app_context():
        mail.send_message("s", ["ann@example.org"], "t")
    assert len(seen) == 4 and len(set(seen)) == 1


def test_it_gives_up_after_a_few_seconds_and_says_why() -> None:
    with stand_in([503] * 9) as (url, seen), shop(url, "mr_k").app_context():
        send = partial(mail.send_message, "s", ["ann@example.org"], "t")
        with pytest.raises(Away, match="did not accept the mail: the ledger is away"):
            send()
    assert len(seen) == 4


@contextmanager
def stand_in(statuses: list[int | None]) -> Iterator[tuple[str, list[str]]]:
    """An API that answers these statuses one after the other; None: it hangs up."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers["Idempotency-Key"])
            status = statuses[len(seen) - 1]
            if status is None:
                self.close_connection = True
                return
            body = json.dumps({"message": "the ledger is away"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serve(server)
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1", seen
    finally:
        server.shutdown()
        server.server_close()
