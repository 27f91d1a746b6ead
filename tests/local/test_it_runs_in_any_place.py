"""A local run from any folder, in any home, in any locale."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.local.conftest import ROOT, Start

FOREIGN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UNUSUAL = "100%41 %(here)s what?#ü"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "instance", "tests", "docs")


def test_unusual_names_in_a_locale_without_utf8(tmp_path: Path, start: Start) -> None:
    checkout, home = tmp_path / UNUSUAL / "mail room", tmp_path / f'{UNUSUAL} "in"'
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT)
    run = start(home, checkout=checkout, **FOREIGN)
    assert run.link
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {UNUSUAL, home.name}
    assert {path.name for path in home.iterdir()} >= {"mailroom.db", "local.env", "valkey", "inbox"}
    assert (home / "mailroom.db").stat().st_mode & 0o777 == 0o600
    assert run.interrupt() == 0
    assert "Traceback" not in run.printed
