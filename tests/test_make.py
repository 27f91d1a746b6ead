"""make sets up what a command needs, once, and says in one line what is in its way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = ["Makefile", "requirements.txt", "requirements-dev.txt", "deploy/install.sh", "deploy/installed.py"]
UNREACHABLE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make` itself needs of a fresh clone, and a start.py that says that it was reached."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "start.py").write_text("print('started')")
    return tmp_path


def make(checkout: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    # Not what a make around pytest wants of its own parts.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=checkout, env=inherited | environ, capture_output=True, text=True, timeout=100
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("mailroom: ")]


def test_help_lists_every_command() -> None:
    done = make(ROOT, "help")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", done.stdout)) == targets
    assert {"run", "test", "bench", "drill", "lint", "help"} <= targets


def test_a_goal_that_there_is_not_measures_nothing(checkout: Path) -> None:
    done = make(checkout, "bench", "S99", **UNREACHABLE)
    assert done.returncode == 2 and "there is no S99 to measure: S1 S2" in done.stderr
    assert not (checkout / ".venv").exists() and done.stdout == ""


def test_a_first_start_without_a_network_says_so_in_one_line(checkout: Path) -> None:
    done = make(checkout, "run", **UNREACHABLE)
    assert done.returncode != 0
    (line,) = said(done)
    assert line.startswith("mailroom: no network: the packages of requirements.txt could not be downloaded")
    assert "started" not in done.stdout


def test_windows_without_wsl_is_refused_in_one_line(checkout: Path) -> None:
    (checkout / "bin").mkdir()
    (checkout / "bin" / "uname").write_text("#!/bin/sh\necho MINGW64_NT-10.0-22631\n")
    (checkout / "bin" / "uname").chmod(0o755)
    done = make(checkout, "run", PATH=f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode != 0 and "started" not in done.stdout
    (line,) = said(done)
    assert "start it in WSL (wsl --install)" in line


def test_a_python_that_is_too_old_is_named(checkout: Path) -> None:
    old = checkout / "bin"
    old.mkdir()
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        (old / name).write_text("#!/bin/sh\necho Python 3.9.2\nexit 1\n")
        (old / name).chmod(0o755)
    done = make(checkout, "run", PATH=f"{old}{os.pathsep}{os.environ['PATH']}")
    assert said(done) == [
        "mailroom: Python 3.11 or newer is needed, and none was found (found: Python 3.9.2)"
    ]
