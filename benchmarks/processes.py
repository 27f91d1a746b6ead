"""Cost of processes: CPU seconds and memory of a process and all below it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

ROOT = Path(__file__).resolve().parents[1]


class Group:
    """A process in a group of its own, with whatever it starts. `log` gets what it prints."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def cpu(self) -> float:
        """User and system seconds, of those that live."""
        return sum(_seconds(process) for process in self._all())

    def memory(self) -> dict[int, int]:
        """Resident bytes of every process below the first, by pid."""
        return {process.pid: process.memory_info().rss for process in self._all()[1:]}

    def peak(self) -> int:
        """The most resident bytes that one of the processes below the first ever had."""
        return max(_peak(process.pid) for process in self._all()[1:])

    def growth(self, before: Mapping[int, int]) -> int:
        """How much more than `before` one of them had at its peak, at most; all it had, if it is newer."""
        return max(_peak(process.pid) - before.get(process.pid, 0) for process in self._all()[1:])

    def end(self, patience: float = 10) -> None:
        """By SIGTERM, and what is left of it after `patience` by SIGKILL."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _all(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self.process.pid)
            return [first, *sorted(first.children(recursive=True), key=lambda child: child.pid)]
        except psutil.NoSuchProcess:
            return []


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
