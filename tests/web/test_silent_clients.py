"""gunicorn as deploy/gunicorn.conf.py sets it up, with one thread and less patience."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from mailroom.local.ports import free_port
from tests.servers import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def port(settings_env: dict[str, str], tmp_path: Path) -> Iterator[int]:
    port = free_port()
    config = (ROOT / "deploy" / "gunicorn.conf.py").read_text()
    assert "\nSILENCE = 30\n" in config
    (tmp_path / "conf.py").write_text(config.replace("\nSILENCE = 30\n", "\nSILENCE = 1\n"))
    command = ["-m", "gunicorn", "-c", str(tmp_path / "conf.py"), "app:create_app()"]
    more = {"PORT": str(port), "PYTHONPATH": str(ROOT), "GUNICORN_CMD_ARGS": "--workers 1 --threads 1"}
    web = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=os.environ | settings_env | more, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: is_healthy(port, 1), 30, "web")
    yield port
    web.terminate()
    web.wait(15)


def is_healthy(port: int, patience: float) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=",
    ],
)
def test_one_that_says_nothing_more_keeps_no_thread(port: int, beginning: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(beginning)
        assert is_healthy(port, 15)
