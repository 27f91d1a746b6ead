"""A bulk job sends its mailing's next batches too; others get their turn all the same."""

from __future__ import annotations

from collections.abc import Callable

from rq.registry import FinishedJobRegistry

from mailroom.queue import BULK
from tests.servers import Valkey
from tests.system import System


def test_it_takes_the_next_batch_without_another_job(start: Callable[..., System], valkey: Valkey) -> None:
    system = start()
    mailing = system.accept(3_000)
    system.start_workers(1)
    assert system.wait_until_over(mailing.mailing_id, 90).counts["sent"] == 3_000
    assert system.sink.count() == 3_000
    assert FinishedJobRegistry(BULK, valkey.client).count < 30, "there were 30 batches"


def test_a_second_mailing_is_sent_beside_a_large_one(start: Callable[..., System]) -> None:
    system = start("rcpt *: delay dot 0.002")
    large = system.accept(6_000)
    small = system.accept([f"second{number}@mail.example" for number in range(250)])
    system.start_workers(1)
    assert system.wait_until_over(small.mailing_id, 60).counts["sent"] == 250
    assert not system.mailing(large.mailing_id).is_over
