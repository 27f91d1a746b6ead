"""Ports for servers of tests that insist on binding one themselves.

At random, one test's server would now and then bind the port that another test, beside it, has been given for
a program that takes a second to start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from random import SystemRandom

from mailroom.local.ports import is_free

FIRST, END = 11_000, 20_000
"""Below those that Mailroom itself chooses of, and those of outgoing connections."""


def share_of(worker: str, of: int) -> range:
    """The ports of that xdist worker (gw0, gw1, ...)."""
    width = (END - FIRST) // of
    first = FIRST + width * int(worker.removeprefix("gw"))
    return range(first, first + width)


@cache
def _in_turn(process: int) -> Iterator[int]:
    """From anywhere in its share on: another run on this machine has the same."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    share = share_of(worker, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    place = SystemRandom().randrange(len(share))
    return cycle([*share[place:], *share[:place]])


def own_port() -> int:
    """One that nobody listens on, and that no other test of this run is given before all others were."""
    return next(port for port in _in_turn(os.getpid()) if is_free(port))
