"""`start(*rules, **environment)`: a system on each database in turn, whose workers the test starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailroom.queue import Queue
from tests.servers import Valkey
from tests.system import System

Start = Callable[..., System]


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
