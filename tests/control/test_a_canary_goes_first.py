"""A canary, with real workers: the first go, the others when they are let go or their time has come."""

from __future__ import annotations

import os
import signal
import time

from sqlalchemy import select

from mailroom.ledger.mailings import canary
from mailroom.ledger.schema import batches
from mailroom.ledger.states import MailingState
from tests.control.conftest import Start, on_both
from tests.system import System


def is_anything_batched(system: System) -> bool:
    with system.database.read() as connection:
        return connection.execute(select(batches.c.id).limit(1)).first() is not None


@on_both
def test_the_first_go_then_the_others_and_nobody_twice(start: Start) -> None:
    """Through the death of all workers in between."""
    system = start()
    pool = system.start_workers(2)
    clicked, timed = system.accept(130, canary=120), system.accept(30, canary=10, canary_wait=4)
    began = time.time()
    system.wait(lambda: system.sink.count() >= 130 and not is_anything_batched(system))
    os.killpg(pool.pid, signal.SIGKILL)
    system.start_workers(2)
    assert system.wait_until_over(timed.mailing_id).state is MailingState.DONE
    assert time.time() >= began + 3
    assert system.counts(clicked.mailing_id) == {"sent": 120, "queued": 10}
    with system.database.begin() as connection:
        assert canary.release(connection, clicked.mailing_id)
    assert system.wait_until_over(clicked.mailing_id).state is MailingState.DONE
    assert len({message.message_id for message in system.sink.wait(160)}) == system.sink.count() == 160
