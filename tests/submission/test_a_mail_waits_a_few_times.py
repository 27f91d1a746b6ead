"""A ledger that is some way off: who hands in mail by SMTP waits for it as rarely as by the API."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator

import pytest

from mailroom.database.engine import Database
from mailroom.ledger.people import api_keys
from tests.submission.conftest import Submission
from tests.way import Way, way_to

MESSAGE = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: Hello\r\n\r\nHow are you?\r\n"


@pytest.fixture
def away(postgres_url: str) -> Iterator[tuple[Way, str]]:
    with way_to(postgres_url) as (way, url):
        yield way, url


def test_to_sign_in_is_two_and_a_mail_five(
    away: tuple[Way, str], postgres_url: str, start: Callable[..., Submission]
) -> None:
    way, url = away
    database = Database(postgres_url)
    with database.begin() as connection:
        key, _ = api_keys.add(connection, "shop", scopes=["send"])
    database.dispose()
    submission = start(DATABASE_URL=url)
    way.answers_after = 0.004
    waits = []
    for _ in range(8):  # until connections are open, and the driver has prepared what it will
        with smtplib.SMTP("127.0.0.1", submission.port) as program:
            before = way.round_trips
            program.login("shop", key)
            signed_in = way.round_trips
            program.sendmail("ann@example.org", ["bob@example.org"], MESSAGE)
            waits.append((signed_in - before, way.round_trips - signed_in))
    to_sign_in, for_a_mail = map(min, zip(*waits, strict=True))  # who is held up seems to wait more often
    assert to_sign_in <= 2 and for_a_mail <= 5, waits
