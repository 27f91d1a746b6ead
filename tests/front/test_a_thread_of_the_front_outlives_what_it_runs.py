"""No error takes a thread from the front for good: after a few of them nobody would be answered."""

from __future__ import annotations

import asyncio
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from mailroom.front.answering import CollectedAnswer
from mailroom.front.storage import BLOCK
from mailroom.front.worker import Front


def test_an_application_that_exits_ends_its_answer_only() -> None:
    front: Any = Front.__new__(Front)
    front.tasks, front.log = SimpleQueue(), SimpleNamespace(exception=lambda *_: None)
    done: list[int] = []

    def exits() -> None:
        raise SystemExit

    for task in (exits, lambda: done.append(1), None):
        front.tasks.put(task)
    front._work(front.tasks)
    assert done == [1]


def test_a_connection_that_breaks_is_told_to_the_thread_that_waits_for_it() -> None:
    loop = asyncio.new_event_loop()
    running = Thread(target=loop.run_forever)
    running.start()

    def breaks(data: bytes) -> bool:
        raise RuntimeError("this connection is broken")

    client: Any = SimpleNamespace(loop=loop, send=breaks)
    try:
        with pytest.raises(RuntimeError, match="this connection is broken"):
            CollectedAnswer(client).sendall(b"x" * BLOCK)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        running.join()
        loop.close()
