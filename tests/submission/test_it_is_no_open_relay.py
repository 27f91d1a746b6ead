from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from sqlalchemy import select

from mailroom.database.engine import Database
from mailroom.engine.accept.handed_in import MOST_RCPT
from mailroom.ledger.people import api_keys
from mailroom.ledger.schema import deliveries, mailings
from mailroom.queue import Queue
from mailroom.settings import Settings
from mailroom.submission import protocol
from mailroom.submission.limits import LARGEST_SUBMISSION
from mailroom.submission.reception import Reception
from tests.ports import own_port
from tests.servers import STARTED_WITHIN, Valkey
from tests.submission.conftest import Submission

LETTER = "From: ann@example.com\r\nTo: bob@example.org\r\nSubject: s\r\n\r\nHi\r\n"


@contextmanager
def connected(submission: Submission, key: str | None = None) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", submission.port, timeout=10) as client:
        client.ehlo("client.example")
        if key:
            client.login("anybody", key)
        yield client


def count(ledger: Database) -> int:
    with ledger.read() as connection:
        return len(connection.execute(select(mailings.c.id)).all())


def test_without_a_key_nothing_is_taken(submission: Submission, ledger: Database) -> None:
    with connected(submission) as client:
        assert client.mail("ann@example.com")[0] == 530
        assert client.rcpt("bob@example.org")[0] == 530
        assert client.docmd("DATA")[0] == 530
    assert count(ledger) == 0


def test_a_wrong_key_opens_nothing(submission: Submission, make_key: Callable[..., str]) -> None:
    expired = make_key(expires_at=datetime.now(UTC) - timedelta(hours=1))
    for wrong in ("mr_wrong", "", expired, make_key(scopes=["read"])):
        with connected(submission) as client, pytest.raises(smtplib.SMTPException) as refusal:
            client.login("anybody", wrong)
        assert getattr(refusal.value, "smtp_code", 535) == 535


def test_login_and_plain_both_work(submission: Submission, key: str) -> None:
    for mechanism in ("auth_plain", "auth_login"):
        with connected(submission) as client:
            client.user, client.password = "anybody", key
            code, _ = client.auth(mechanism[5:].upper(), getattr(client, mechanism))
            assert code == 235


def test_a_key_sends_from_its_own_addresses_only(
    submission: Submission, make_key: Callable[..., str]
) -> None:
    with connected(submission, make_key(senders=["example.com"])) as client:
        assert client.mail("ann@elsewhere.example")[0] == 553
        with pytest.raises(smtplib.SMTPDataError, match="may not send from ann@elsewhere.example"):
            client.sendmail(
                "ann@example.com",
                ["bob@example.org"],
                LETTER.replace("ann@example.com", "ann@elsewhere.example"),
            )
        assert client.sendmail("ann@example.com", ["bob@example.org"], LETTER) == {}


def test_a_revoked_key_is_dead_at_once(submission: Submission, key: str, ledger: Database) -> None:
    with connected(submission, key) as client:
        client.sendmail("ann@example.com", ["bob@example.org"], LETTER)
        with ledger.begin() as connection:
            found = api_keys.find(connection, key)
            assert found is not None
            api_keys.revoke(connection, found.id)
        with pytest.raises(smtplib.SMTPDataError, match="not active"):
            client.sendmail("ann@example.com", ["bob@example.org"], LETTER)
    assert count(ledger) == 1


def test_each_recipient_gets_an_answer(submission: Submission, key: str, ledger: Database) -> None:
    bad = ["nobody", "x@nodot", "jo..e@example.org"]
    with connected(submission, key) as client:
        refused = client.sendmail("ann@example.com", ["bob@example.org", *bad, "BOB@example.org"], LETTER)
    assert sorted(refused) == sorted(bad)
    assert {code for code, _ in refused.values()} == {553}
    with ledger.read() as connection:
        rows = connection.execute(select(deliveries.c.address, deliveries.c.role)).all()
    assert [tuple(row) for row in rows] == [("bob@example.org", "to")]


def test_too_many_recipients_are_put_off(submission: Submission, key: str) -> None:
    with connected(submission, key) as client:
        client.mail("ann@example.com")
        codes = [client.rcpt(f"p{number}@example.org")[0] for number in range(MOST_RCPT + 1)]
    assert codes == [250] * MOST_RCPT + [452]


def test_sizes_are_limited_before_and_after_the_content(submission: Submission, key: str) -> None:
    with connected(submission, key) as client:
        assert client.esmtp_features["size"] == str(LARGEST_SUBMISSION)
        assert client.mail("ann@example.com", [f"size={LARGEST_SUBMISSION + 1}"])[0] == 552


def test_what_cannot_be_mailed_is_refused_at_the_end(
    submission: Submission, key: str, ledger: Database
) -> None:
    with connected(submission, key) as client:
        with pytest.raises(smtplib.SMTPDataError, match="no From header") as refusal:
            client.sendmail("ann@example.com", ["bob@example.org"], "Subject: s\r\n\r\nHi\r\n")
        assert refusal.value.smtp_code == 554
    assert count(ledger) == 0


def test_a_250_means_on_disk_while_redis_is_away(
    submission: Submission, key: str, ledger: Database, valkey: Valkey
) -> None:
    valkey.pause()
    try:
        with connected(submission, key) as client:
            assert client.sendmail("ann@example.com", ["bob@example.org"], LETTER) == {}
    finally:
        valkey.go_on()
    assert count(ledger) == 1


def test_it_ends_when_it_is_told_to(submission: Submission, key: str) -> None:
    with connected(submission, key):
        assert submission.stop() == 0
    assert "Traceback" not in submission.log()


def test_from_elsewhere_there_is_no_auth_without_tls(
    settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_is_loopback", lambda peer: False)
    database, queue = Database(settings.database_url), Queue(settings.redis_url)

    class Elsewhere(Controller):
        def factory(self) -> SMTP:
            return protocol.SubmissionProtocol(self.handler, "mail.example", None)

    server = Elsewhere(
        Reception(database, queue, settings),
        hostname="127.0.0.1",
        port=own_port(),
        ready_timeout=STARTED_WITHIN,
    )
    server.start()
    try:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.ehlo("client.example")
            assert "auth" not in client.esmtp_features
            assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 538
    finally:
        server.stop()
        queue.close()
        database.dispose()


@pytest.mark.parametrize(
    ("peer", "is_here"),
    [
        *((peer, True) for peer in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1")),
        *((peer, False) for peer in ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "192.0.2.1")),
    ],
)
def test_loopback(peer: str, is_here: bool) -> None:
    assert protocol._is_loopback((peer, 4711)) is is_here


def test_many_at_once(submission: Submission, key: str, ledger: Database) -> None:
    def hand_in() -> None:
        with connected(submission, key) as client:
            for _ in range(5):
                client.sendmail("ann@example.com", ["bob@example.org"], LETTER)

    threads = [threading.Thread(target=hand_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert count(ledger) == 40
