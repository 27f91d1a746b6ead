"""`start(rules, **environment)`: a system of real parts, whose workers the test starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import Valkey
from tests.system import System

Start = Callable[..., System]


@pytest.fixture
def start(tmp_path: Path, sqlite_url: str, valkey: Valkey) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(*rules: str, **environment: str) -> System:
            return stack.enter_context(System(tmp_path, sqlite_url, valkey.url, rules, **environment))

        yield started
