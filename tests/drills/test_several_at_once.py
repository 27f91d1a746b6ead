from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest

from tests.drills import at_once
from tests.drills.ledgers import Ledgers
from tests.drills.postponed import Postponed
from tests.drills.scenario import Scenario
from tests.servers import wait_until
from tests.system import ROOT, processes


@pytest.fixture
def ledgers() -> Iterator[Ledgers]:
    with Ledgers(["sqlite"]) as ledgers:
        yield ledgers


def test_rows_come_as_scenarios_end(ledgers: Ledgers, tmp_path: Path) -> None:
    longer = Postponed("20", "sqlite", False, tmp_path / "go on")
    rows = at_once.run_all([longer, Scenario("18", "sqlite", False)], ledgers, 2)
    first = next(rows)
    longer.until.touch()
    assert [(row.name, row.verdict) for row in (first, *rows)] == [("18", "held"), ("20", "held")]


def test_one_that_hangs_is_ended_with_all_that_it_started_and_is_red(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_once, "AT_MOST", 4.0)
    resource_tracker.ensure_running()  # multiprocessing's own, which stays
    before = _below_us()
    (row,) = at_once.run_all([Scenario("4", "sqlite", full=True)], ledgers, 1)
    assert "did not end within 4 s" in row.trouble
    assert row.verdict == "RED"
    assert _below_us() <= before


@pytest.fixture
def drills(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Two scenarios in full: they would take half a minute."""
    words = [sys.executable, "-m", "tests.drills", "--database", "sqlite", "--at-once", "2", "4", "20"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_them_nothing_is_left(drills: subprocess.Popen[str], number: signal.Signals) -> None:
    started: list[psutil.Process] = []

    def have_workers() -> bool:
        started[:] = psutil.Process(drills.pid).children(recursive=True)
        forked = sum("tests.warm_processes" in _words(process) for process in started)
        return forked >= 2 + 2 + 3  # two are those that fork, two are sinks

    wait_until(have_workers, 200, "workers")  # it has to load all of it in five processes first
    for _ in range(2):  # as somebody does who is in a hurry
        drills.send_signal(number)
    said, _ = drills.communicate(timeout=15)
    if number != signal.SIGKILL:
        assert drills.returncode == 130
        assert said.endswith("Interrupted; everything is ended.\n")
    wait_until(lambda: not {process.pid for process in started} & dict(processes()).keys(), 10)


def _below_us() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
