"""Mail to the bounce address is taken of anybody, over SMTP and LMTP; nothing else is."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from mailroom.content.links.return_tokens import ReturnPurpose
from mailroom.database.engine import Database
from mailroom.ledger.schema import mailings
from mailroom.ledger.states import State
from tests.feedback.comes import Comes
from tests.feedback.letters import BOUNCES, bounce, letter, path
from tests.submission.conftest import Submission

OTHERS = (
    "bob@mail.example",
    "bounces@else.example",
    "bouncesx@acme.example",
    f"{BOUNCES}.evil.example",
    f'"{BOUNCES}"@else.example',
    "@acme.example:bob@mail.example",
    f"bob%{BOUNCES}",
    "",
)
Started = Callable[..., Submission]


@pytest.fixture
def comes(ledger: Database) -> Comes:
    return Comes(ledger)


@pytest.fixture
def door(start: Started) -> Submission:
    return start(MAILROOM_BOUNCE_ADDRESS=BOUNCES)


def client_of(door: Submission) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", door.port, timeout=10)
    client.ehlo("mx.mail.example")
    return client


def number_of_mailings(ledger: Database) -> int:
    with ledger.read() as connection:
        return len(connection.execute(select(mailings.c.id)).all())


def test_a_bounce_is_in_the_ledger_when_it_is_answered(door: Submission, comes: Comes) -> None:
    ann, bob = comes.sent(["ann@mail.example", "bob@mail.example"])
    with client_of(door) as client:
        for id, to in ((ann, "ann@mail.example"), (bob, "bob@mail.example")):
            token = comes.token(id)
            assert client.sendmail("", [path(token).upper()], bounce(token, to)) == {}
            assert comes.state(id) == State.BOUNCED
        # The token of the envelope is enough: a forwarder may have written anything into To.
        wish = comes.token(bob, ReturnPurpose.UNSUBSCRIBE)
        client.sendmail("bob@mail.example", [path(wish)], letter("somebody@else.example"))
    assert ("bob@mail.example", "unsubscribed") in {(one.address_key, one.reason) for one in comes.listed()}


def test_a_stranger_brings_nothing_else(door: Submission, comes: Comes, ledger: Database, key: str) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    before = number_of_mailings(ledger)
    token = comes.token(id)
    for other in OTHERS:
        with client_of(door) as client:
            assert client.docmd("DATA")[0] == 503
            assert client.mail("ann@mail.example")[0] == 250
            assert client.rcpt(other)[0] in (501, 530), other
            assert client.docmd("DATA")[0] == 503
    with client_of(door) as client:
        client.mail("")
        client.rcpt(path(token))
        client.login("anybody", key)
        assert client.docmd("DATA")[0] == 503, "what a stranger began is over when somebody signs in"
        assert client.mail("ann@example.com")[0] == 250
        assert client.rcpt("bob@mail.example")[0] == 250
    with client_of(door) as client:
        client.mail("")
        assert client.rcpt(path(token))[0] == 250
        assert client.rcpt("bob@mail.example")[0] == 530
        assert client.data(bounce(token, "ann@mail.example"))[0] == 250
    assert number_of_mailings(ledger) == before
    assert comes.state(id) == State.BOUNCED


def test_without_a_bounce_address_a_stranger_brings_nothing(submission: Submission) -> None:
    with client_of(submission) as client:
        assert client.mail("")[0] == 530
        assert client.rcpt(BOUNCES)[0] == 530


def test_a_large_one_is_taken_by_its_beginning(door: Submission, comes: Comes) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    token = comes.token(id)
    with client_of(door) as client:
        octets = bounce(token, "ann@mail.example") + (b"x" * 70 + b"\r\n") * 200_000
        assert client.sendmail("", [path(token)], octets) == {}
    assert comes.state(id) == State.BOUNCED


def test_a_ledger_that_is_away_leaves_it_with_the_server(door: Submission, comes: Comes) -> None:
    (id,) = comes.sent(["ann@mail.example"])
    octets, to = bounce(comes.token(id), "ann@mail.example"), path(comes.token(id))
    with client_of(door) as client:
        rename(comes.database, "reports", "elsewhere")
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("", [to], octets)
        assert refused.value.smtp_code == 451
        rename(comes.database, "elsewhere", "reports")
        assert comes.state(id) == State.SENT
        assert client.sendmail("", [to], octets) == {}
    assert comes.state(id) == State.BOUNCED


def rename(database: Database, table: str, to: str) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {to}")


class Lmtp:
    """A mail server's end of a connection, word by word."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(place))
        self._lines = self._socket.makefile("rb")
        assert self.reply().startswith("220")

    def reply(self) -> str:
        line = self._lines.readline().decode()
        while line[3:4] == "-":
            line = self._lines.readline().decode()
        return line

    def say(self, command: str | bytes) -> str:
        self._socket.sendall((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return self.reply()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def test_over_lmtp_each_recipient_has_its_reply(start: Started, comes: Comes, tmp_path: Path) -> None:
    place = tmp_path / "lmtp.sock"
    start(MAILROOM_BOUNCE_ADDRESS=BOUNCES, MAILROOM_LMTP=str(place))
    (id,) = comes.sent(["ann@mail.example"])
    token = comes.token(id)
    client = Lmtp(place)
    assert client.say("EHLO mx.mail.example").startswith("500")
    assert client.say("MAIL FROM:<>").startswith("503")
    assert client.say("LHLO mx.mail.example").startswith("250")
    assert client.say("AUTH PLAIN AGEAYg==")[0] == "5"
    assert client.say("MAIL FROM:<>").startswith("250")
    assert client.say("RCPT TO:<bob@mail.example>").startswith("530")
    assert client.say(f"RCPT TO:<{path(token)}>").startswith("250")
    assert client.say(f"RCPT TO:<{BOUNCES}>").startswith("250")
    assert client.say("DATA").startswith("354")
    assert client.say(bounce(token, "ann@mail.example") + b".").startswith("250 2.6.0")
    assert client.reply().startswith("250 2.6.0")
    assert comes.state(id) == State.BOUNCED
    assert client.say("QUIT").startswith("221")
    client.close()


def test_many_at_once_are_each_counted_once(door: Submission, comes: Comes) -> None:
    ids = comes.sent(12)
    trouble: list[BaseException] = []

    def bring(some: list[int]) -> None:
        try:
            with client_of(door) as client:
                for id in some:
                    octets = bounce(comes.token(id), comes.book.delivery(id).address)
                    for _ in range(2):  # as a server does that did not hear the answer
                        client.sendmail("", [path(comes.token(id))], octets)
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=bring, args=(ids[part::3],)) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not trouble
    assert {comes.state(id) for id in ids} == {State.BOUNCED} and comes.number_kept() == len(ids)
