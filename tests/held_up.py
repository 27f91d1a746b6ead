"""What a busy machine does to the times that a test measures, so that it need not be guessed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self

LOOKED_EVERY = 0.02
LISTED_EVERY = 0.2
"""To find the processes is more work than to look at them, and holds them up itself."""


def queued(process: int | str = "self") -> dict[str, float]:
    """Seconds that each thread of a process could have run, and no processor was free."""
    waited = {}
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                waited[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    return waited


class HeldUp:
    """`with HeldUp(pids) as machine: ...; machine.at_most(1)`: by how much these processes were held up."""

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._processes = processes
        self._seen: list[tuple[float, float]] = []  # when, and seconds of all of them until then
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def at_most(self, within: float) -> float:
        """The most seconds in any `within` seconds, those of all threads added up."""
        seen = self._seen
        differences = (
            later - before
            for place, (moment, before) in enumerate(seen)
            for next_place, (at, later) in enumerate(seen[place:], place)
            # Who looks is held up as well: what happened between two looks did, however far apart they are.
            if at - moment <= within + LOOKED_EVERY or next_place == place + 1
        )
        return max(differences, default=0.0)

    def _look(self) -> None:
        known, total = dict[tuple[int, str], float](), 0.0
        processes, listed_at = list[int](), float("-inf")
        while not self._over.wait(LOOKED_EVERY):
            if time.monotonic() - listed_at >= LISTED_EVERY:
                processes, listed_at = list(self._processes()), time.monotonic()
            for process in processes:
                for thread, seconds in queued(process).items():
                    total += seconds - known.get((process, thread), 0.0)
                    known[process, thread] = seconds
            self._seen.append((time.monotonic(), total))
