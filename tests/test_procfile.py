"""The Procfile runs the same web and worker in production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from mailroom.local import parent_death
from mailroom.queue import Queue
from tests.ports import own_port
from tests.servers import wait_until

ROOT = Path(__file__).resolve().parent.parent


def honcho(output: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with output.open("wb") as out:
        return subprocess.Popen(
            parent_death.command([sys.executable, "-m", "honcho", "start"]),
            cwd=ROOT,
            env=os.environ | {"MAILROOM_SUBMISSION_PORT": str(own_port())} | environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_web_and_worker_start_and_end(settings_env: dict[str, str], tmp_path: Path) -> None:
    port = own_port()
    running = honcho(tmp_path / "out", settings_env | {"PORT": str(port)})
    try:
        queue = Queue(settings_env["REDIS_URL"])
        wait_until(lambda: is_healthy(port), 30, "web")
        wait_until(queue.workers, 30, "a worker")
        below = psutil.Process(running.pid).children(recursive=True)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(15)
    assert "Traceback" not in (tmp_path / "out").read_text()
    wait_until(lambda: not any(process.is_running() for process in below), what="the end of all")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "MAIL_SERVER"])
def test_what_is_missing_is_said_in_one_line(settings_env: dict[str, str], tmp_path: Path, name: str) -> None:
    del settings_env[name]
    running = honcho(tmp_path / "out", settings_env | {"PORT": str(own_port())})
    assert running.wait(30) != 0
    printed = (tmp_path / "out").read_text()
    assert f"mailroom: {name} is not set" in printed
    assert "Traceback" not in printed
