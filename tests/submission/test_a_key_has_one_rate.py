"""The API and SMTP submission count in one place: a message is a request."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from app import create_app
from mailroom.database.engine import Database
from mailroom.ledger.schema import mailings
from mailroom.settings import Settings
from tests.api.conftest import EMAIL
from tests.servers import Valkey
from tests.submission.conftest import Submission
from tests.submission.test_it_is_no_open_relay import LETTER, connected, count

Ask = Callable[[str], int]
MakeKey = Callable[..., str]


@pytest.fixture(autouse=True)
def _one_window() -> None:
    """An hour must not end in the middle of a test."""
    if (left := 3600 - time.time() % 3600) < 30:
        time.sleep(left + 0.1)


@pytest.fixture
def ask(settings: Settings) -> Iterator[Ask]:
    """Sends by the API; the status."""
    app = create_app(settings)

    def send(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return app.test_client().post("/api/v1/emails", json=EMAIL, headers=headers).status_code

    yield send
    app.extensions["mailroom"].database.dispose()


def hand_in(client: smtplib.SMTP, *to: str) -> tuple[int, bytes]:
    """The last reply to a message."""
    try:
        assert client.sendmail("ann@example.com", to or ["bob@example.org"], LETTER) == {}
    except smtplib.SMTPDataError as refusal:
        assert isinstance(refusal.smtp_error, bytes)
        return refusal.smtp_code, refusal.smtp_error
    return 250, b""


def test_one_too_many_is_put_off_with_the_time_to_wait(
    submission: Submission, make_key: MakeKey, ledger: Database
) -> None:
    with connected(submission, make_key(rate="1/hour")) as client:
        replies = [hand_in(client) for _ in range(15)]
    assert [code for code, _ in replies] == [250] + [450] * 14
    words = re.fullmatch(rb"4\.7\.1 .* 1 messages? an? hour: try again in (\d+) seconds", replies[1][1])
    assert words and 0 < int(words[1]) <= 3600
    assert count(ledger) == 1


def test_it_is_put_off_before_its_content_is_sent(submission: Submission, make_key: MakeKey) -> None:
    with connected(submission, make_key(rate="1/hour")) as client:
        hand_in(client)
        assert (client.mail("ann@example.com")[0], client.rcpt("bob@example.org")[0]) == (250, 250)
        assert client.docmd("DATA")[0] == 450
        assert client.mail("ann@example.com")[0] == 250  # it can go on at once with another


def test_new_connections_do_not_help(submission: Submission, make_key: MakeKey, ledger: Database) -> None:
    key, codes = make_key(rate="2/hour"), []
    for _ in range(5):
        with connected(submission, key) as client:
            codes.append(hand_in(client)[0])
    assert codes == [250, 250, 450, 450, 450] and count(ledger) == 2


def test_a_message_is_one_however_many_get_it(submission: Submission, make_key: MakeKey) -> None:
    with connected(submission, make_key(rate="2/hour")) as client:
        people = [f"p{number}@example.org" for number in range(20)]
        assert [hand_in(client, *people)[0] for _ in range(3)] == [250, 250, 450]


def test_what_is_no_message_yet_is_not_counted(submission: Submission, make_key: MakeKey) -> None:
    with connected(submission, make_key(rate="1/hour")) as client:
        for _ in range(5):
            client.mail("ann@example.com")
            assert client.docmd("DATA")[0] == 503
            client.rset()
        assert hand_in(client)[0] == 250


def test_commands_in_one_write_are_counted_too(
    submission: Submission, make_key: MakeKey, ledger: Database
) -> None:
    envelope = "MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
    with connected(submission, make_key(rate="1/hour")) as client:
        client.send(envelope)
        assert [client.getreply()[0] for _ in range(3)] == [250, 250, 354]
        client.send(f"{LETTER}.\r\n{envelope}")
        assert [client.getreply()[0] for _ in range(4)] == [250, 250, 250, 450]
    assert count(ledger) == 1


def test_both_doors_share_it(submission: Submission, make_key: MakeKey, ask: Ask, ledger: Database) -> None:
    key = make_key(rate="3/hour")
    with connected(submission, key) as client:
        assert [ask(key), hand_in(client)[0], ask(key)] == [200, 250, 200]
        assert [hand_in(client)[0], ask(key)] == [450, 429]
    assert count(ledger) == 3


def test_while_redis_is_away_this_process_counts(
    submission: Submission, make_key: MakeKey, ledger: Database, valkey: Valkey
) -> None:
    with connected(submission, make_key(rate="2/hour")) as client:
        valkey.pause()
        try:
            assert [hand_in(client)[0] for _ in range(4)] == [250, 250, 450, 450]
        finally:
            valkey.go_on()
    assert count(ledger) == 2


def test_what_it_handed_in_belongs_to_its_program(
    submission: Submission, make_key: MakeKey, settings: Settings, ledger: Database
) -> None:
    mine, another = make_key(scopes=["send", "read"]), make_key(scopes=["send", "read"])
    with connected(submission, mine) as client:
        hand_in(client)
    with ledger.read() as connection:
        uid = connection.execute(select(mailings.c.uid)).scalar_one()
    app = create_app(settings)
    answers = [
        app.test_client().get(f"/api/v1/emails/{uid}", headers={"Authorization": f"Bearer {key}"}).status_code
        for key in (mine, another)
    ]
    app.extensions["mailroom"].database.dispose()
    assert answers == [200, 404]
