from __future__ import annotations

import json
import smtplib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailroom.sink import SinkProcess

ROOT = Path(__file__).parents[2]


def send(port: int, recipient: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.sendmail("news@x.org", [recipient], "Message-ID: <1@x.org>\r\n\r\nhi\r\n")


def sink(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailroom.sink", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_help_explains_the_rules() -> None:
    shown = sink("--help").stdout
    assert "rcpt slow@*: delay dot 2" in shown and "after-record" in shown


def test_a_bad_rule_stops_it_with_one_line() -> None:
    ended = sink("--port", "0", "--rule", "any: explode dot")
    assert ended.returncode == 1
    assert ended.stderr == "sink: rule 'any: explode dot': unknown action 'explode'\n"


def test_every_line_is_on_disk_when_it_is_killed(tmp_path: Path) -> None:
    with SinkProcess(tmp_path) as server:
        send(server.port, "ann@x.org")
        server.stop(hard=True)
        line = json.loads(server.record.read_text())
        assert (line["recipient"], line["message_id"]) == ("ann@x.org", "<1@x.org>")
        server.start()
        send(server.port, "bob@x.org")
        assert [message.recipient for message in server.wait(2)] == ["ann@x.org", "bob@x.org"]


def test_rules_are_read_again(tmp_path: Path) -> None:
    with SinkProcess(tmp_path, ["rcpt ann: reply rcpt 550 no"]) as server:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(server.port, "ann@x.org")
        server.set_rules([])
        deadline = time.monotonic() + 5
        while not server.count():
            assert time.monotonic() < deadline
            try:
                send(server.port, "ann@x.org")
            except smtplib.SMTPRecipientsRefused:
                time.sleep(0.02)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with SinkProcess(tmp_path) as server:
        ended = sink("--port", str(server.port))
    assert ended.returncode == 1 and str(server.port) in ended.stderr
