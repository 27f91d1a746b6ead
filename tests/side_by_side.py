"""Scheduler of xdist: tests that compute and tests that wait for processes run beside each other.

As they are collected, processors would be too few in one part of the run, and idle in another. So some xdist
workers take what computes first, at a lower priority, and the others what waits: whole systems, for which
it matters that they get a processor when they ask for one. Who has nothing left to do helps the others.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from itertools import groupby

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

SCHEMATHESIS = "tests/api/test_schemathesis_finds_nothing.py"

WAIT = (
    *(SCHEMATHESIS, "drills", "local", "browser", "control", "engine", "queue", "submission", "front"),
    *("sweep", "cli"),
)
"""Folders of tests that mostly wait, those with the longest tests first: they are not to be the last. And one
file whose tests are given no more than two minutes each.
"""

AT_ONCE = {
    SCHEMATHESIS: 1,
    "tests/attacks/test_numbers_and_names.py": 1,
    "tests/drills/test_drills.py": 1,
}
"""How many tests of a file a worker takes at a time."""
AT_ONCE_IN = {"control": 4, "engine": 8, "queue": 8, "sweep": 8}
"""The same by folder; elsewhere it takes all of a file, whose tests may share what one of them started."""
TOGETHER = ("tests/browser/local_run/",)
"""Folders that share something for the whole of a run."""

WAITERS = 4
"""So many workers wait, where there are enough: more would only be more to start."""
A_PART = 4
"""Of few workers one of so many computes."""
LESS_URGENT = 2
"""What is added to the niceness of those that compute."""


def computes(worker: str, of: int) -> bool:
    """Whether that xdist worker (gw0, gw1, ...) is one of those that compute."""
    return int(worker.removeprefix("gw")) < max(of - WAITERS, of // A_PART)


def be_less_urgent() -> None:
    """In an xdist worker that computes."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and computes(worker, int(os.environ["PYTEST_XDIST_WORKER_COUNT"])):
        os.nice(LESS_URGENT)


def folder_of(path: str) -> str:
    """Below tests/; of a file that lies there itself: its name."""
    return path.removeprefix("tests/").partition("/")[0]


def place_in_wait(path: str) -> int | None:
    """None: it computes."""
    return next((place for place, what in enumerate(WAIT) if what in (path, folder_of(path))), None)


def taken_together(nodeid: str) -> str:
    """Tests of the same name are taken by one worker, one after the other."""
    path = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if path.startswith(folder)), path)


def portions(collection: Iterable[str]) -> tuple[deque[list[int]], deque[list[int]]]:
    """What computes and what waits: the places in the collection of all that is taken at once."""
    computing, waiting = deque[list[int]](), list[tuple[int, list[int]]]()
    for name, group in groupby(enumerate(collection), lambda one: taken_together(one[1])):
        places = [place for place, _ in group]
        size = AT_ONCE.get(name) or AT_ONCE_IN.get(folder_of(name)) or len(places)
        parts = [places[first : first + size] for first in range(0, len(places), size)]
        if (turn := place_in_wait(name)) is None:
            computing.extend(parts)
        else:
            waiting.extend((turn, part) for part in parts)
    waiting.sort(key=lambda one: one[0])
    return computing, deque(part for _, part in waiting)


class SideBySide(LoadScheduling):  # type: ignore[misc]
    """Gives each worker its next portion when it begins with the last test of the one before."""

    collection: list[str] | None

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        self._computing: deque[list[int]] = deque()
        self._waiting: deque[list[int]] = deque()

    def schedule(self) -> None:
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            collected = next(iter(self.node2collection.values()))
            self.collection = collected
            self._computing, self._waiting = portions(collected)
            self._count()
        for node in self.nodes:
            self.check_schedule(node)

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:
        # A worker begins with a test when it knows the next one.
        while not node.shutting_down and len(self.node2pending[node]) < 2:
            if not (portion := self._next(node)):
                node.shutdown()
                return
            self.node2pending[node].extend(portion)
            node.send_runtest_some(portion)

    def remove_node(self, node: WorkerController) -> str | None:
        """One that crashed: the test that it ran; what it had before it is another one's."""
        lost: list[int] = self.node2pending.pop(node)
        if not lost:
            return None
        if lost[1:]:
            self._waiting.appendleft(lost[1:])
            self._count()
        for other in self.nodes:
            self.check_schedule(other)
        assert self.collection is not None
        return str(self.collection[lost[0]])

    def _next(self, node: WorkerController) -> list[int]:
        mine, others = self._waiting, self._computing
        if computes(node.gateway.id, self.numnodes):
            mine, others = others, mine
        portion = (mine or others or deque([[]])).popleft()
        self._count()
        return portion

    def _count(self) -> None:
        """The base class asks whether there is anything that nobody has yet."""
        self.pending = [*self._computing, *self._waiting]
