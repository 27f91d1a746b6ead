"""Relay log: one or several files of a relay, read by the reader of its kind, and what time they cover."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase
from typing import Protocol

from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.exim import EximLog
from mailroom.feedback.relay_logs.lines import lines_of
from mailroom.feedback.relay_logs.opensmtpd import OpenSmtpdLog
from mailroom.feedback.relay_logs.postfix import PostfixLog
from mailroom.feedback.relay_logs.table import TableLog
from mailroom.feedback.relay_logs.trace import Trace


class Reader(Protocol):
    def read(self, line: str) -> Iterable[Trace] | None:
        """What this line says, and what follows from it; None: it is no line of such a record."""

    def rest(self) -> Iterable[Trace]:
        """What can be said only when the last line was read."""


RELAY_LOGS: dict[str, Callable[[LogClock], Reader]] = {
    "postfix": PostfixLog,
    "exim": EximLog,
    "opensmtpd": OpenSmtpdLog,
    "csv": TableLog,
}


@dataclass(slots=True)
class Covered:
    """What was read. `since`, `until`: of the traces that have a time."""

    lines: int = 0
    understood: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def note(self, at: datetime | None) -> None:
        if at is not None:
            self.since = at if self.since is None else min(self.since, at)
            self.until = at if self.until is None else max(self.until, at)


class RelayLog:
    """Files in the order in which they were written. What one of them begins, the next may end."""

    def __init__(self, kind: str, clock: LogClock) -> None:
        self._reader = RELAY_LOGS[kind](clock)
        self.covered = Covered()

    def traces(self, streams: Iterable[BufferedIOBase]) -> Iterator[Trace]:
        """Raises Unreadable; what came before it is true."""
        for stream in streams:
            for line in lines_of(stream):
                self.covered.lines += 1
                found = self._reader.read(line)
                if found is None:
                    continue
                self.covered.understood += 1
                for trace in found:
                    self.covered.note(trace.at)
                    yield trace
        yield from self._reader.rest()
