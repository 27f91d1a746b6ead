"""A program of ours may be started without stdout or stderr, or lose whoever reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.conftest import ROOT, Start
from tests.servers import wait_until

CLOSED = ["sh", "-c", 'exec "$@" <&- >&-', "sh"]
ALL_CLOSED = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
READ_ONCE = ["sh", "-c", '{ "$@"; echo "it ended with $?" >&2; } | head -n 1', "sh"]
ANY = """
import os
from mailroom import files
files.open_standard_streams()
with open("ledger", "w", encoding="utf-8") as ledger:
    assert ledger.fileno() > 2
    print("a line")
    os.write(1, b"one of a library in C")
"""


def test_a_local_run_without_stdout(start: Start) -> None:
    run = start(within=CLOSED)
    wait_until(run.answers, 60, "the web")
    assert run.interrupt() == 0
    assert run.left() == []
    assert "Traceback" not in run.printed and "Error" not in run.printed, run.printed


def test_a_local_run_whose_reader_goes_ends_in_order(start: Start) -> None:
    run = start(within=READ_ONCE)
    wait_until(lambda: "it ended with" in run.printed, 60, "the end")
    assert "it ended with 0\n" in run.printed
    assert "Traceback" not in run.printed and "Exception" not in run.printed, run.printed


@pytest.mark.parametrize("words", [[str(ROOT / "worker.py"), "--burst"], ["-c", ANY]], ids=["worker", "any"])
def test_a_program_without_any(words: list[str], settings_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "ledger").touch()
    done = subprocess.run(
        [*ALL_CLOSED, sys.executable, *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), **settings_env},
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "ledger").read_bytes() == b""
