"""The log tells what was committed, with numbers to follow, and why what is away is away."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from mailroom.content.addresses import Address
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.database.engine import Database
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import Accepted, Submission
from mailroom.ledger.mailings import lifecycle
from mailroom.ledger.people import api_keys, sign_ins, users
from mailroom.ledger.relays import circuit
from mailroom.queue import Queue
from mailroom.supervision import cause
from tests.servers import Valkey


def letter(database: Database, valkey: Valkey) -> Accepted:
    content = Content(Address("ann@shop.example"), "A subject of ours", text="A letter of ours")
    people = [Recipient("bob@mail.example"), Recipient("eve@mail.example")]
    return accept(database, Queue(valkey.url), Submission(content, people))


def test_a_mailing_from_its_acceptance_to_its_end(database: Database, valkey: Valkey) -> None:
    with capture_logs() as lines:
        accepted = letter(database, valkey)
        with database.begin() as connection:
            lifecycle.cancel(connection, accepted.mailing_id)
    assert {"event": "a mailing is accepted", "recipients": 2, "uid": accepted.uid}.items() <= lines[
        0
    ].items()
    assert {"event": "a mailing is changed", "mailing": accepted.mailing_id, "action": "cancel"}.items() <= (
        lines[1].items()
    )
    assert not any(word in str(lines) for word in ("mail.example", "of ours"))


def test_people_and_keys(database: Database) -> None:
    with capture_logs() as lines, database.begin() as connection:
        user = users.add(connection, "ann@example.org", None)
        sign_ins.start(connection, user.id, "a browser", "192.0.2.7")
        key, key_id = api_keys.add(connection, "the shop", scopes=["send"], user_id=user.id)
        api_keys.revoke(connection, key_id)
        users.remove(connection, user.id)
        assert lines == []  # nothing of it is true yet
    assert [line["event"] for line in lines] == [
        "somebody may sign in now",
        "somebody signed in",
        "an API key is made",
        "API keys are revoked",
        "somebody may not sign in any more",
    ]
    assert lines[1]["address"] == "192.0.2.7" and lines[2]["name"] == "the shop"
    assert key not in str(lines)


def test_a_mail_server_in_trouble_and_out_of_it(database: Database) -> None:
    words = "5.7.1 <bob@mail.example>: relaying denied"
    with capture_logs() as lines:
        for _ in range(2):
            with database.begin() as connection:
                circuit.failed(connection, "relay:25", "rcpt", 550, words, is_trial=True)
        with database.begin() as connection:
            assert circuit.healthy(connection, "relay:25", 0)
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("a mail server is in trouble", "warning"),
        ("a mail server is in trouble still", "warning"),
        ("a mail server is out of trouble", "info"),
    ]
    assert lines[0]["reason"] == "5.7.1 <...>: relaying denied" and lines[0]["code"] == 550


def test_nothing_of_what_was_rolled_back(database: Database) -> None:
    with capture_logs() as lines:
        with pytest.raises(ZeroDivisionError), database.begin() as connection:
            users.add(connection, "ann@example.org", None)
            raise ZeroDivisionError
        with database.begin() as connection:
            users.add(connection, "eve@example.org", None)
    assert [line["email"] for line in lines] == ["eve@example.org"]


def test_a_cause_is_the_first_line_of_the_drivers_words() -> None:
    said = "password authentication failed\nDETAIL: Key (address)=(bob@mail.example)"
    assert cause(OperationalError("SELECT", None, Exception(said))) == "password authentication failed"
    assert cause(ValueError()) == "ValueError"
