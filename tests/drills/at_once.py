"""Several scenarios at once: each in a process of its own, none for ever, nothing left of any."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path

from tests.drills.ledgers import Ledgers
from tests.drills.scenario import Scenario, play
from tests.drills.table import Row
from tests.system import kill_below

AT_MOST = 600.0
"""Seconds for one scenario: its own waits are bounded, and end long before, unless something hangs."""


class Run:
    """A scenario under way."""

    def __init__(self, scenario: Scenario, ledgers: Ledgers) -> None:
        self.scenario = scenario
        self._ledgers = ledgers
        self._folder = Path(tempfile.mkdtemp(prefix=f"mailroom-drill-{scenario.name}-{scenario.database}-"))
        self._url = ledgers.create(scenario.database, self._folder)
        spawn = get_context("spawn")
        self._answer, answer = spawn.Pipe(duplex=False)
        self._process = spawn.Process(
            target=play, args=(scenario, self._folder, self._url, os.getpid(), answer), daemon=True
        )
        self._began = time.monotonic()
        self._process.start()
        answer.close()
        self.sentinel = self._process.sentinel

    @property
    def is_over(self) -> bool:
        return not self._process.is_alive()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def end(self) -> Row:
        """Its row; a process that has not ended by now is made to."""
        trouble = f"it did not end within {AT_MOST:g} s"
        if self.is_over:
            trouble = f"its process ended with {self._process.exitcode}"
        self.stop()
        row = self._answered() or replace(self.scenario.row(), trouble=trouble, seconds=self.seconds)
        if row.trouble:
            row.trouble += f"\nWhat it left: {self._folder}"
        else:
            self._remove_folder()
        self._ledgers.drop(self._url)
        return row

    def break_off(self) -> None:
        self.stop()
        self._remove_folder()

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answered(self) -> Row | None:
        with suppress(EOFError):
            if self._answer.poll():
                row: Row = self._answer.recv()
                return row
        return None

    def stop(self) -> None:
        """Nothing that it started lives afterwards."""
        pid = self._process.pid
        if not self.is_over and pid is not None:
            os.kill(pid, signal.SIGSTOP)  # it starts nothing more
            kill_below(pid)
            self._process.kill()
        self._process.join()


def run_all(scenarios: Sequence[Scenario], ledgers: Ledgers, at_once: int) -> Iterator[Row]:
    """The rows, as the scenarios end; all that are under way end with the one who asks for rows."""
    waiting, running = list(scenarios), list[Run]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(Run(waiting.pop(0), ledgers))
            patience = min(AT_MOST - run.seconds for run in running)
            wait([run.sentinel for run in running], max(0, patience))
            for run in [run for run in running if run.is_over or run.seconds > AT_MOST]:
                row = run.end()
                running.remove(run)
                yield row
    finally:
        for run in running:
            run.break_off()
