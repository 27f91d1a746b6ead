"""Private domains and quoted local parts: in by form, API, SMTP, command and Flask-Mail, and out again."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from mailroom.content import private_domains
from mailroom.database.engine import Database
from mailroom.flask import Mail, Message, Refused
from mailroom.ledger.people import users
from mailroom.ledger.schema import deliveries
from mailroom.settings import load
from tests.servers import Catcher
from tests.submission.conftest import Submission
from tests.system import System

NAMED = "localhost,*.local"
ODD = ["root@localhost", "ann@pc.office.local", '"john doe"@example.org']
SENDER = '"the shop"@shop.local'
LETTER = f"From: {SENDER}\r\nTo: {', '.join(ODD)}\r\nSubject: s\r\n\r\nHi\r\n"


@pytest.fixture
def web(settings_env: dict[str, str]) -> Iterator[Flask]:
    web = create_app(load(settings_env | {"MAILROOM_PRIVATE_DOMAINS": NAMED}))
    yield web
    private_domains.allow(())
    web.extensions["mailroom"].database.dispose()
    web.extensions["mailroom"].queue.close()


@pytest.fixture
def come_in(ledger: Database) -> Callable[[], list[str]]:
    """The recipients since it was last asked."""
    seen = 0

    def come_in() -> list[str]:
        nonlocal seen
        with ledger.read() as connection:
            found = connection.execute(select(deliveries.c.address).order_by(deliveries.c.id)).scalars().all()
        seen, last = len(found), seen
        return list(found[last:])

    return come_in


def test_form_api_and_command(
    web: Flask,
    ledger: Database,
    make_key: Callable[..., str],
    come_in: Callable[[], list[str]],
    tmp_path: Path,
) -> None:
    client = web.test_client()
    with ledger.begin() as connection:
        link = users.make_link(connection, users.add(connection, "root@localhost", None).id)
    client.get(f"/sign-in?token={link}")
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    form = {"sender": SENDER, "recipients": ", ".join(ODD), "subject": "s", "text": "Hi"}
    answer = client.post("/mailings", data=form | {"csrf_token": token[1] if token else ""})
    assert (answer.status_code, come_in()) == (303, ODD), answer.text

    email = {"from": SENDER, "to": ODD[:1], "cc": ODD[1:2], "bcc": ODD[2:], "subject": "s", "text": "Hi"}
    key = {"Authorization": f"Bearer {make_key(scopes=['admin'])}"}
    posted = client.post("/api/v1/emails", json=email, headers=key)
    assert (posted.status_code, come_in()) == (200, ODD), posted.text

    list_of = tmp_path / "list.csv"
    list_of.write_text("email\n" + "".join('"{}"\n'.format(one.replace('"', '""')) for one in ODD[1:]))
    options = ["--from", SENDER, "--to", ODD[0], "--csv", str(list_of), "--subject", "s", "--text", "Hi"]
    sent = web.test_cli_runner().invoke(args=["send", *options])
    assert (sent.exit_code, come_in()) == (0, ODD), sent.output


def test_flask_mail(ledger: Database, settings_env: dict[str, str], come_in: Callable[[], list[str]]) -> None:
    shop, strict = Flask("shop"), Flask("strict")
    urls = {name: settings_env[name] for name in ("DATABASE_URL", "REDIS_URL")}
    strict.config.update(urls)
    shop.config.update(urls, MAILROOM_PRIVATE_DOMAINS=NAMED)
    try:
        mail = Mail(shop)
        with shop.app_context():
            mail.send(Message("s", recipients=[*ODD], sender=SENDER, body="Hi"))
        assert come_in() == ODD
        mail = Mail(strict)
        with strict.app_context(), pytest.raises(Refused, match="root@localhost"):
            mail.send(Message("s", recipients=[*ODD], sender="ann@example.org", body="Hi"))
    finally:
        private_domains.allow(())


def test_smtp_and_what_leaves(
    start: Callable[..., Submission],
    key: str,
    tmp_path: Path,
    sqlite_url: str,
    valkey: object,
    catcher: Catcher,
) -> None:
    submission = start(MAILROOM_PRIVATE_DOMAINS=NAMED)
    with smtplib.SMTP("127.0.0.1", submission.port) as client:
        client.login("anybody", key)
        assert client.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 250
        assert [client.docmd("RCPT", f"TO:<{one}>")[0] for one in ODD] == [250] * 3
        assert client.docmd("RCPT", "TO:<root@local>")[0] == 553
        assert client.data(LETTER)[0] == 250
    with System(tmp_path, sqlite_url, valkey.url) as system:  # type: ignore[attr-defined]
        system.start_workers(MAIL_PORT=str(catcher.port))
        mails = catcher.wait_for(3, 20)
    assert sorted(mail.recipients[0] for mail in mails) == sorted(ODD)
    assert {mail.sender for mail in mails} == {SENDER}
    assert all(
        mail.content.replace(b"\r\n", b"\n").endswith(LETTER.replace("\r\n", "\n").encode()) for mail in mails
    )
