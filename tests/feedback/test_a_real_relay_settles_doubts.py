"""A real Postfix took what nobody here knows of: its own log says so, and nobody gets a copy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import create_app
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.states import State
from mailroom.settings import load
from tests import postfix
from tests.cutter import Cutter
from tests.ledger.book import Book
from tests.postfix import Postfix
from tests.servers import Valkey
from tests.system import System

CI = bool(os.environ.get("CI"))


@pytest.fixture
def system(tmp_path: Path, database_url: str, valkey: Valkey) -> Iterator[System]:
    with System(tmp_path, database_url, valkey.url) as system:
        yield system


@pytest.fixture
def relay(system: System) -> Iterator[Postfix]:
    """Between the workers and the sink."""
    if not postfix.is_installed():
        if CI:
            pytest.fail(postfix.NO_POSTFIX)
        pytest.skip(postfix.NO_POSTFIX)
    with Postfix(system.sink.port) as relay:
        yield relay


def test_what_postfix_took_is_sent_and_what_it_did_not_take_is_sent_again(
    system: System, relay: Postfix, settings_env: dict[str, str]
) -> None:
    people = [f"{name}@mail.example" for name in ("taken1", "taken2", "lost1", "fine1")]
    way = Cutter(relay.port)
    accepted = system.accept(people, if_unknown="evidence")
    system.start_workers(1, MAIL_PORT=str(way.port))
    system.wait(lambda: system.counts(accepted.mailing_id) == {"sent": 1, "unknown": 3}, 40)
    system.sink.wait(3)
    with system.database.read() as connection:
        rows = {row.address: row for row in deliveries.page(connection, accepted.mailing_id)}

    app = create_app(load({**settings_env, "DATABASE_URL": system.database.url}))
    words = ("evidence", "postfix", str(relay.log_file), "--apply")
    done = app.test_cli_runner().invoke(args=words)
    app.extensions["mailroom"].database.dispose()
    assert done.exit_code == 0 and "2 mails: unknown here" in done.output, done.output
    assert f"message-id=<{accepted.uid}.{rows[people[2]].id}." in relay.log(), "it had begun to come in"
    assert system.counts(accepted.mailing_id) == {"sent": 3, "unknown": 1}

    way.is_mended = True
    Book(system.database).make_due(accepted.mailing_id)  # its time is over, and nothing was said of it
    system.wait_until_over(accepted.mailing_id, 40)
    assert system.counts(accepted.mailing_id) == {State.SENT: 4}
    assert Counter(one.recipient for one in system.sink.wait(4)) == dict.fromkeys(people, 1), (
        "and nobody twice"
    )
