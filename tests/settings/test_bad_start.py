"""A program that is started with bad settings says one line and ends, with no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    "gunicorn": ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "app:create_app()"],
    "worker": ["worker.py"],
    "start": ["start.py"],
    "flask": ["-m", "flask", "--app", "app", "users", "add", "ann@example.org"],
}


def run(program: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *PROGRAMS[program]],
        cwd=ROOT,
        env=os.environ | {"MAILROOM_HOME": str(home)} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_bad_value_is_one_line(program: str, tmp_path: Path) -> None:
    whole = {
        "SECRET_KEY": "a long enough secret",
        "DATABASE_URL": f"sqlite:///{tmp_path}/mailroom.db",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "MAIL_SERVER": "127.0.0.1",
    }
    done = run(program, tmp_path, **whole, PORT="eighty")
    assert done.stderr == "mailroom: PORT must be a whole number from 1 to 65535, not 'eighty'\n"
    assert done.stdout == ""
    assert done.returncode == 2


@pytest.mark.parametrize("program", ["gunicorn", "worker", "flask"])
def test_other_packages_in_place_of_the_pinned_ones_are_one_line(program: str, tmp_path: Path) -> None:
    (tmp_path / "structlog").symlink_to(Path(structlog.__file__).parent)
    done = run(program, tmp_path / "home", PYTHONPATH=str(tmp_path))
    assert (
        done.stderr
        == f"mailroom: PYTHONPATH ({tmp_path}) hides structlog of {sys.prefix}: start without it\n"
    )
    assert done.returncode == 2


def test_a_local_run_needs_nothing_of_pythonpath(tmp_path: Path) -> None:
    for name in ("structlog", "pydantic", "redis", "sqlalchemy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('another one')")
    done = run("start", tmp_path / "home", PYTHONPATH=str(tmp_path), PORT="eighty")
    assert done.stderr == "mailroom: PORT must be a whole number from 1 to 65535, not 'eighty'\n"


@pytest.mark.parametrize("program", ["gunicorn", "worker"])
def test_a_missing_one_is_one_line(program: str, tmp_path: Path) -> None:
    done = run(program, tmp_path, SECRET_KEY="a long enough secret")
    assert done.stderr.startswith("mailroom: DATABASE_URL is not set: it must be like sqlite:///")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 2
