"""One mailing, and a mail server that treats each of its recipients in another way."""

from __future__ import annotations

import pytest

from mailroom.ledger import suppressions
from mailroom.ledger.deliveries import deliveries
from tests.engine.conftest import Start
from tests.invariants import account, counters_agree
from tests.system import System

EXPECTED = [
    # the recipient, how it is treated, its state at the end, words that say why, its copies in the sink
    ("fine", None, "sent", "2.0.0 Ok", 1),
    ("slow", "delay dot 0.4", "sent", "2.0.0 Ok", 1),
    ("named", "reply dot 250 2.0.0 queued as 4711", "sent", "queued as 4711", 1),
    ("hung-up-politely", "drop after-250", "sent", "2.0.0 Ok", 1),
    ("nobody", "reply rcpt 550 5.1.1 No such user", "failed", "5.1.1 No such user", 0),
    ("moved", "reply rcpt 551 5.1.6 Gone to live elsewhere", "failed", "elsewhere", 0),
    ("refused", "reply data 554 5.7.1 Not for us", "failed", "5.7.1 Not for us", 0),
    ("spam", "reply dot 554 5.7.1 That is spam", "failed", "That is spam", 0),
    ("full", "reply dot 552 5.2.2 Mailbox full", "failed", "Mailbox full", 0),
    ("busy", "reply rcpt 450 4.2.1 Busy", "deferred", "4.2.1 Busy", 0),
    ("grey", "greylist 2", "deferred", "Greylisted", 0),
    ("queue-full", "reply data 452 4.3.1 No space", "deferred", "No space", 0),
    ("scanner", "reply dot 451 4.7.0 Scanner is down", "deferred", "Scanner is down", 0),
    ("closing", "reply rcpt 421 4.3.2 Closing", "deferred", "Closing", 0),
    ("drops-rcpt", "drop rcpt", "deferred", "hung up", 0),
    ("silent-rcpt", "stall rcpt", "deferred", "not answer", 0),
    ("garbage-rcpt", "garbage rcpt", "deferred", "not SMTP", 0),
    ("drops-dot", "drop dot", "unknown", "hung up", 0),
    ("drops-after", "drop after-record", "unknown", "hung up", 2),
    ("silent-dot", "stall dot", "unknown", "not answer", 0),
    ("garbage-dot", "garbage dot", "unknown", "not SMTP", 2),
]
RULES = [f"rcpt {name}: {action}" for name, action, *_ in EXPECTED if action]


@pytest.mark.timeout(60)
def test_each_ends_as_it_should_with_the_server_s_own_words(start: Start) -> None:
    system = start(*RULES, MAILROOM_TIMEOUT="0.3", MAILROOM_BACKOFF="1h")
    accepted = system.accept([f"{name}@mail.example" for name, *_ in EXPECTED])
    system.start_workers(1, lease=3)
    wanted = {"sent": 4, "failed": 5, "deferred": 8, "unknown": 4}
    system.wait(lambda: system.counts(accepted.mailing_id) == wanted and not waiting(system), 40)
    with system.database.read() as connection:
        found = deliveries.page(connection, accepted.mailing_id)
        copies = [message.recipient for message in system.sink.messages()]
        for delivery, (name, _, state, words, number) in zip(found, EXPECTED, strict=True):
            story = f"{name} is {delivery.state}: {delivery.code} {delivery.reply}"
            assert delivery.state == state, story
            assert words in (delivery.reply or ""), story
            assert copies.count(delivery.address) == number, story
            tries = deliveries.attempts_of(connection, delivery.id)
            assert [attempt.outcome for attempt in tries] == {
                "sent": [],
                "failed": ["failed"],
                "deferred": ["deferred"],
                "unknown": ["unknown", "unknown"],  # the first time, and the one resend
            }[state], story
        listed = [(one.address_key, one.reason) for one in suppressions.page(connection)]
    assert listed == [("nobody@mail.example", "bounced")], "who is not there is mailed no more"
    counters_agree(system.database)
    assert not [fault for fault in account(system.database, system.sink.messages()).faults if "I4" in fault]


def waiting(system: System) -> int:
    """How many unknown ones are to be sent once more, and how many batches are under way."""
    with system.database.read() as connection:
        raw = "SELECT count(*) FROM deliveries WHERE state = 'unknown' AND due_at IS NOT NULL"
        due = int(connection.exec_driver_sql(raw).scalar_one())
        return due + int(connection.exec_driver_sql("SELECT count(*) FROM batches").scalar_one())
