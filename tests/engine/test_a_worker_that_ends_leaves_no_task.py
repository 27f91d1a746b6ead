"""A worker that is told to stop in the middle of a mail ends with nothing left to do in its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from mailroom.engine import deliver, worker_process
from mailroom.engine.send.feed import Feed
from mailroom.ledger.schema import batches
from mailroom.ledger.sweep import rounds
from mailroom.queue import Queue
from tests.system import System


def test_nobody_waits_for_the_grace_of_mails_that_have_ended(
    start: Callable[..., System], monkeypatch: pytest.MonkeyPatch, queue: Queue
) -> None:
    system = start()
    for name, value in system.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rounds, "take", lambda *_: None)
    render = Feed.render

    def told_to_stop(*arguments: Any) -> Any:
        worker_process.request_stop()
        return render(*arguments)

    monkeypatch.setattr(Feed, "render", told_to_stop)
    mailing = system.accept(1)
    with system.database.read() as connection:
        batch_id = connection.execute(select(batches.c.id)).scalar_one()
    worker_process.start("ann", queue)
    loop = worker_process.current().loop
    try:
        deliver.deliver_batch(batch_id, 0)
    finally:
        worker_process.stop()
    assert system.counted(mailing.mailing_id) == {"sent": 1}
    assert not asyncio.all_tasks(loop), "each is told of as destroyed, and nobody hears what it raised"
