"""`start(*rules, **environment)`: a system on each database in turn, whose workers the test starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mailroom.engine import worker_process
from mailroom.queue import Queue
from tests.servers import Valkey
from tests.system import System

Start = Callable[..., System]


@contextmanager
def a_worker(system: System) -> Iterator[None]:
    """In this process, with the settings of its environment: it takes no jobs by itself."""
    queue = Queue(system.environment["REDIS_URL"])
    worker_process.start("ann", queue)
    try:
        yield
    finally:
        worker_process.stop()
        queue.close()


@pytest.fixture
def start(tmp_path: Path, database_url: str, valkey: Valkey) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(*rules: str, **environment: str) -> System:
            return stack.enter_context(System(tmp_path, database_url, valkey.url, rules, **environment))

        yield started


@pytest.fixture
def queue(valkey: Valkey) -> Iterator[Queue]:
    queue = Queue(valkey.url)
    yield queue
    queue.close()
