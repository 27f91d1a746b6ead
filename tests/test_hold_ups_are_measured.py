"""What a busy machine did to a test is known, however busy it was."""

from __future__ import annotations

import os
import time
from itertools import pairwise

from tests.held_up import LISTED_EVERY, HeldUp
from tests.servers import wait_until


def test_what_happened_while_nobody_looked_is_counted() -> None:
    machine = HeldUp(list)
    machine._seen = [(0.0, 0.0), (0.02, 0.01), (0.5, 0.41), (0.52, 0.43)]
    assert machine.at_most(0.2) == 0.41 - 0.01
    assert machine.at_most(0.6) == 0.43


def test_processes_are_listed_less_often_than_they_are_looked_at() -> None:
    listed: list[float] = []

    def processes() -> list[int]:
        listed.append(time.monotonic())
        return [os.getpid()]

    with HeldUp(processes):
        wait_until(lambda: len(listed) > 2)
    assert all(later - before >= LISTED_EVERY for before, later in pairwise(listed))
