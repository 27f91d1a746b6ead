"""`start(rules, sink=options, **environment)`: a system of real parts, whose workers the test starts.

On SQLite; a test marked `on_both` runs on PostgreSQL as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import Valkey
from tests.system import System

Start = Callable[..., System]


on_both = pytest.mark.parametrize("kind", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture
def start(tmp_path: Path, kind: str, valkey: Valkey, request: pytest.FixtureRequest) -> Iterator[Start]:
    url: str = request.getfixturevalue(f"{kind}_url")
    with ExitStack() as stack:

        def started(*rules: str, sink: Iterable[str] = (), **environment: str) -> System:
            return stack.enter_context(System(tmp_path, url, valkey.url, rules, *sink, **environment))

        yield started
