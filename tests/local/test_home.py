"""MAILROOM_HOME is its owner's alone, and one run's at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailroom.local import home
from mailroom.settings import SettingsError

HOLD = """
import sys, subprocess
from pathlib import Path
from mailroom.local import home
with home.locked(Path(sys.argv[1])) as lock:
    child = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=[lock])
    print("locked", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path, seconds: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", HOLD, str(folder), seconds]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"locked\n"
    return holder


def test_it_is_closed_to_others(tmp_path: Path) -> None:
    home.make(tmp_path / "a" / "home")
    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^MAILROOM_HOME \(.*\) cannot be used: Not a directory$"):
        home.make(tmp_path / "file" / "home")


def test_a_second_run_is_told_of_the_first(tmp_path: Path) -> None:
    first = hold(tmp_path, "0")
    message = rf"already running in {tmp_path} \(process {first.pid}\)"
    with pytest.raises(SettingsError, match=message), home.locked(tmp_path):
        pass
    first.communicate(b"")
    with home.locked(tmp_path):
        assert (tmp_path / "start.lock").read_text() == str(os.getpid())


def test_it_waits_for_what_a_killed_run_left_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = hold(tmp_path, "1")
    first.kill()
    first.wait()
    with home.locked(tmp_path):
        pass
    assert capsys.readouterr().out == f"waiting for an earlier run in {tmp_path} to end\n"


def test_it_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "EARLIER_RUN_PATIENCE_SECONDS", 0.2)
    first = hold(tmp_path, "3")
    first.kill()
    first.wait()
    with pytest.raises(SettingsError, match="^processes of an earlier run still use"), home.locked(tmp_path):
        pass
