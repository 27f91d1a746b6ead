"""A submission port that another program has ends nothing: it is waited for, and the log says so."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
from pathlib import Path

from mailroom.local.ports import LOOPBACK_HOST
from tests.servers import wait_until
from tests.warm_processes import start_python


def test_it_serves_when_the_port_is_free(tmp_path: Path, settings_env: dict[str, str]) -> None:
    other = socket.create_server((LOOPBACK_HOST, 0))
    port, log = other.getsockname()[1], tmp_path / "log"
    environment = os.environ | settings_env | {"MAILROOM_SUBMISSION_PORT": str(port)}
    process = start_python(["-m", "mailroom.submission"], environment, log)
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
