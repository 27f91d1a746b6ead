from __future__ import annotations

import re
import time

from tests.control.conftest import Start, on_both
from tests.system import System

PERSON = re.compile(r"person(\d+)@")
SLOW = "rcpt person*@mail.example: delay dot 0.05"
ROOM = 1.5
"""A turn that a bulk job keeps (0.5 s), a look (0.25 s), and a busy machine."""

SIX_SECONDS_OF_URGENT_MAIL = 600
"""What five sessions of this server take in that time. Counted: a busy machine takes longer for both."""


def sent_at(system: System, address: str) -> float:
    return next(message.time for message in system.sink.messages() if message.recipient == address)


@on_both
def test_it_goes_within_a_second(start: Start) -> None:
    system = start(SLOW)
    system.start_workers(1)
    system.accept(1_000)
    system.sink.wait(60)
    asked = time.time()
    urgent = system.accept(["urgent@mail.example"])
    system.wait_until_over(urgent.mailing_id)
    assert sent_at(system, "urgent@mail.example") - asked < ROOM


@on_both
def test_the_bulk_mailing_goes_on_where_it_was(start: Start) -> None:
    system = start(SLOW)
    system.start_workers(1)
    system.accept(1_000)
    for number in range(4):
        system.sink.wait(30 * (number + 1))
        system.wait_until_over(system.accept([f"urgent{number}@mail.example"]).mailing_id)
    system.sink.wait(250)
    numbers = [int(match[1]) for m in system.sink.messages() if (match := PERSON.match(m.recipient))]
    assert max(numbers) < 250 + 100, "what was given back was not put behind all others"


def test_a_stream_of_urgent_mail_does_not_starve_it(start: Start) -> None:
    system = start(SLOW, "rcpt urgent*@mail.example: delay dot 0.05")
    system.start_workers(1)
    bulk = system.accept(600)
    system.sink.wait(20)
    number, began = 0, system.counts(bulk.mailing_id).get("sent", 0)
    while system.counts(bulk.mailing_id)["sent"] - began < 20:
        while system.queue.waiting("urgent") < 5:  # there is always urgent mail
            number += 1
            system.accept([f"urgent{number}-{part}@mail.example" for part in range(20)])
        overtook = sum(message.recipient.startswith("urgent") for message in system.sink.messages())
        assert overtook < SIX_SECONDS_OF_URGENT_MAIL
        time.sleep(0.1)
