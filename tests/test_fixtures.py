"""The real parts that tests stand on do stand."""

from __future__ import annotations

import smtplib
import time

from sqlalchemy import func, select

from mailroom.database.engine import Database
from mailroom.ledger.schema import mailings
from mailroom.settings import Settings
from tests.servers import Catcher, Valkey


def test_the_ledger_is_migrated_and_empty(database: Database) -> None:
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(mailings)) == 0


def test_every_test_has_a_ledger_of_its_own(database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE servers")


def test_valkey_is_empty_and_takes_what_it_is_given(valkey: Valkey) -> None:
    assert valkey.client.dbsize() == 0
    valkey.client.set("a", "b")


def test_a_valkey_of_its_own_keeps_its_data_over_a_restart(own_valkey: Valkey) -> None:
    own_valkey.client.set("a", "b")
    own_valkey.stop()
    own_valkey.start()
    assert own_valkey.client.get("a") == b"b"


def test_the_catcher_keeps_what_it_is_sent(catcher: Catcher, settings: Settings) -> None:
    with smtplib.SMTP(settings.mail_server, settings.mail_port) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: hello\r\n\r\n.dot\r\n")
    (mail,) = catcher.wait_for(1)
    assert (mail.sender, mail.recipients) == ("a@example.org", ["b@example.org"])
    assert mail.message["Subject"] == "hello"
    assert mail.content.endswith(b"\r\n\r\n.dot\r\n")


def test_the_catcher_can_take_its_time(catcher: Catcher) -> None:
    catcher.delay = 0.2
    started = time.monotonic()
    with smtplib.SMTP("127.0.0.1", catcher.port) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: slow\r\n\r\n")
    assert time.monotonic() - started >= 0.2
