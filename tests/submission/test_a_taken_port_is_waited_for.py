"""A submission port that another program has ends nothing: it is waited for, and the log says so."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

from mailroom.local.ports import LOOPBACK_HOST
from tests.servers import wait_until

ROOT = Path(__file__).parents[2]


def test_it_serves_when_the_port_is_free(tmp_path: Path, settings_env: dict[str, str]) -> None:
    other = socket.create_server((LOOPBACK_HOST, 0))
    port, log = other.getsockname()[1], tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "mailroom.submission"],
            cwd=ROOT,
            env=os.environ | settings_env | {"MAILROOM_SUBMISSION_PORT": str(port)},
            stderr=stream,
        )
    try:
        wait_until(lambda: "submission waits: another program has its port" in log.read_text(), 15, "a line")
        assert process.poll() is None
        other.close()
        wait_until(lambda: "submission is listening" in log.read_text(), 15, "the port")
        with smtplib.SMTP(LOOPBACK_HOST, port, timeout=10) as client:
            assert client.noop()[0] == 250
        assert log.read_text().count("submission waits") == 1
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
