"""Marks that wait for SQLite's lock soon ask for it once a millisecond: each time costs as much as a mark."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from mailroom.database.connection import write_lock
from mailroom.database.connection.raw import CHANGED
from mailroom.database.engine import Database

AT_FIRST = 5
"""Tries that follow each other at once."""


def test_they_ask_again_and_again_but_not_all_the_time(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, others = Database(sqlite_url), Database(sqlite_url)
    direct, waits = database.direct(), list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(write_lock, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    with ThreadPoolExecutor(1) as threads:
        with others.begin():
            writing = threads.submit(direct.run, [("UPDATE batches SET size = size", ())], CHANGED)
            while len(waits) < 4 * AT_FIRST:
                time.sleep(0.01)
        assert writing.result(10) == [0]
    direct.close()
    assert max(waits[:3]) < 0.0005 and set(waits[AT_FIRST:]) == {0.001}
    database.dispose()
    others.dispose()
