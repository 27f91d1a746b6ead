"""What goes wrong after the commit is not the reply: a client that is told of an error sends again."""

from __future__ import annotations

import smtplib
from collections.abc import Callable

import pytest

from mailroom.database.engine import Database
from mailroom.ledger.mailings import mailings
from tests.no_redis import ANSWERS, NoRedis
from tests.submission.conftest import Submission

LETTER = "From: ann@example.com\r\nTo: bob@example.org\r\nSubject: s\r\n\r\nHi\r\n"


@pytest.mark.parametrize("who", ["a web server", "lists of nothing"])
def test_something_else_where_redis_should_be_is_not_the_reply(
    start: Callable[..., Submission], key: str, ledger: Database, who: str
) -> None:
    with NoRedis(ANSWERS[who]) as url:
        port = start(REDIS_URL=url).port
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            client.login("mailroom", key)
            for _ in range(2):
                client.sendmail("ann@example.com", ["bob@example.org"], LETTER)
    with ledger.read() as connection:
        assert len(mailings.page(connection)) == 2
