"""queue      mailroom's Queue on a Valkey of the test's own worker process
stage(...)    starts workers (tests/queue/stage.py), ended with the test
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailroom.queue import Queue
from tests.queue.stage import Stage
from tests.servers import Valkey


@pytest.fixture
def queue(valkey: Valkey) -> Iterator[Queue]:
    queue = Queue(valkey.url)
    yield queue
    queue.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def start(redis_url: str, *options: str) -> Stage:
        stages.append(Stage(redis_url, tmp_path, *options))
        return stages[-1]

    yield start
    for one in stages:
        one.end()
