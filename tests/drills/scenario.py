"""One drill on one ledger, from the first mail to the row of the table; in a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import structlog

from mailroom.local.parent_death import adopt_orphans, end_with
from tests.drills.all import every_drill
from tests.drills.drill import Drill
from tests.drills.stage import Stage
from tests.drills.table import Row
from tests.system import kill_below


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a process is told; it finds the drill by its name."""

    name: str
    database: str
    full: bool

    @property
    def drill(self) -> Drill:
        return next(drill for drill in every_drill() if drill.name == self.name)

    def row(self) -> Row:
        return Row(self.name, self.drill.fault, self.database)


def run(scenario: Scenario, folder: Path, database_url: str) -> Row:
    """Whatever goes wrong in the drill stands in the row."""
    row, began = scenario.row(), time.monotonic()
    with Stage(folder, database_url, full=scenario.full) as stage:
        try:
            scenario.drill.run(stage)
            stage.check()
        except (Exception, pytest.fail.Exception) as error:
            row.trouble = f"{type(error).__name__}: {error}"
        row.learn(stage)
    row.seconds = time.monotonic() - began
    return row


def play(scenario: Scenario, folder: Path, database_url: str, parent: int, answer: Connection) -> None:
    """What the process does. When its parent dies, all of it ends."""
    os.setsid()  # Ctrl-C is for the parent, who ends everything in order
    signal.signal(signal.SIGTERM, _end)
    end_with(parent)
    adopt_orphans()  # so that all that was ever started here is found below this process
    # What the workers say is in their logs; ours would tear the table.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    answer.send(run(scenario, folder, database_url))


def _end(*_: object) -> None:
    kill_below(os.getpid())
    os._exit(1)
