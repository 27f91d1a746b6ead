"""make bench measures every goal and can show what it measured. What it measures takes minutes: not here."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import chart, letter, report
from benchmarks.__main__ import GOALS
from benchmarks.delay import delayed
from benchmarks.figures import Chart, Check, Result, percentile
from benchmarks.processes import ROOT, Group
from tests.servers import wait_until

RESULT = Result(
    "S2",
    "Draining",
    "Two workers.",
    ["what", "mails/s"],
    [["Mailroom", "6,400"], ["smtp-source <10>", "9,000"]],
    [Check("20 x Celery", "20.5 x", True), Check("0.35 x smtp-source", "0.30 x", False)],
    Chart("Mails a second", "mails/s", [("Mailroom", 6400.0), ("smtp-source <10>", 9000.0)]),
)

MEBIBYTE = 1 << 20
GROWS = """
import os, signal, sys
from pathlib import Path
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
for path, size in zip(sys.argv[1:], (100, 1), strict=True):
    if not os.fork():
        kept = b"x" * (size << 20)
        Path(path).touch()
        signal.sigwait([signal.SIGUSR1])
        more = b"x" * (40 << 20)
        Path(path + ".grown").touch()
        signal.pause()
signal.pause()
"""


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_can_be_measured(goal: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.goals.{goal.lower()}").measure)


def test_every_goal_that_is_there_is_measured_and_can_be_named() -> None:
    folder = ROOT / "benchmarks" / "goals"
    assert sorted(GOALS) == sorted(path.stem.upper() for path in folder.glob("s*.py"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"SPEED_GOALS := {' '.join(GOALS)}\n" in makefile


def test_what_people_write_on_the_page_is_kept_by_the_next_run() -> None:
    assert report.PAGE.read_text(encoding="utf-8").endswith(report.LIMITS.read_text(encoding="utf-8"))


def test_a_table_lines_up() -> None:
    assert report.table(["what", "mails/s"], [["a", "1"], ["long name", "22"]]) == (
        "what       mails/s\na                1\nlong name       22"
    )


def test_a_chart_is_svg_with_a_bar_for_each() -> None:
    assert RESULT.chart is not None
    drawn = ElementTree.fromstring(chart.svg(RESULT.chart))
    assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) == 2


def test_the_page_says_what_is_met_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(report, "CHARTS", tmp_path / "performance")
    page = report.write([RESULT], "2 cores", "2030-01-31", 3).read_text()
    assert "| S2 | 20 x Celery | 20.5 x | met |" in page
    assert "| S2 | 0.35 x smtp-source | 0.30 x | **not met** |" in page
    assert (tmp_path / "performance" / "s2.svg").exists()


def test_one_goal_measured_anew_replaces_what_the_page_said_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(report, "CHARTS", tmp_path / "performance")
    goals = [replace(RESULT, goal=goal, title=f"The title of {goal}") for goal in ("S1", "S2", "S14")]
    before = report.write(goals, "2 cores", "2030-01-31", 3).read_text()
    for goal in ("S2", "S12"):
        anew = replace(RESULT, goal=goal, title="Anew", further_charts=[RESULT.chart] if RESULT.chart else [])
        report.renew(anew, "4 cores", "2031-01-31", 1)
        report.renew(anew, "4 cores", "2031-01-31", 1)
    page = (tmp_path / "performance.md").read_text()
    named = [line for line in page.splitlines() if line.startswith("## ")]
    assert named[:5] == [
        *("## Goals", "## S1: The title of S1", "## S2: Anew", "## S12: Anew", "## S14: The title of S14")
    ]
    rows = [line.split()[1] for line in page.splitlines() if line.startswith("| S")]
    assert rows == [goal for goal in ("S1", "S2", "S12", "S14") for _ in RESULT.checks]
    assert (tmp_path / "performance" / "s12-2.svg").exists() and "![" in page
    assert page.endswith(report.LIMITS.read_text()) and before.endswith(report.LIMITS.read_text())


def test_what_grew_is_compared_with_what_it_had_itself(tmp_path: Path) -> None:
    """Not with another process, which was larger before."""
    script, began = tmp_path / "grows.py", [tmp_path / "large", tmp_path / "small"]
    script.write_text(GROWS, encoding="utf-8")
    with (tmp_path / "log").open("wb") as log:
        processes = Group([sys.executable, str(script), *map(str, began)], {}, log)
    try:
        wait_until(lambda: all(map(Path.exists, began)))
        before = processes.memory()
        large, small = sorted(before, key=lambda pid: -before[pid])
        assert before[large] > before[small] + 80 * MEBIBYTE
        os.kill(small, signal.SIGUSR1)
        wait_until((tmp_path / "small.grown").exists)
        assert 30 * MEBIBYTE < processes.growth(before) < 60 * MEBIBYTE
        assert processes.growth({}) == processes.peak()
    finally:
        processes.end()


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([5.0, 1.0, 3.0], 50) == 3.0
    assert percentile(list(range(100)), 99) == 99


def test_the_letter_is_the_same_for_all() -> None:
    filled = letter.tagged(letter.TEXT)
    for name, value in letter.values(7).items():
        filled = filled.replace(f"{{{{ {name} }}}}", value)
    assert filled == letter.TEXT.format(**letter.values(7))


def test_a_way_keeps_every_octet_for_its_time_and_in_order(tmp_path: Path) -> None:
    path, sent = str(tmp_path / "there"), bytes(range(256)) * 4_096
    with (
        socket.create_server(path, family=socket.AF_UNIX) as server,
        delayed(path, 100) as port,
        socket.create_connection(("127.0.0.1", port)) as here,
        server.accept()[0] as there,
    ):
        started = time.monotonic()
        here.sendall(b"?")
        assert there.recv(1) == b"?"
        asked = time.monotonic()
        sending = threading.Thread(target=there.sendall, args=(sent,))
        sending.start()
        received = b""
        while len(received) < len(sent):
            received += here.recv(1 << 16)
        assert asked - started >= 0.05
        assert time.monotonic() - asked >= 0.05
        assert received == sent
        sending.join()
        there.close()
        assert here.recv(1) == b""
