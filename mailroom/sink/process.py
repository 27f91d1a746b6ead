"""A sink in a process of its own: for drills and benchmarks, where it must not share a core."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from mailroom.sink.record import RecordedMessage, read


class SinkProcess:
    """`with SinkProcess(folder, rules, "--auth", "ann:secret") as sink: ... sink.port`.

    `folder` gets the record (`mails.jsonl`) and the rules (`rules.json`). What follows the
    rules are options of the command line.
    """

    def __init__(self, folder: Path, rules: Iterable[str] = (), *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.record = folder / "mails.jsonl"
        self.port = 0
        self._rules = folder / "rules.json"
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._rules.write_text(json.dumps(list(rules)), encoding="utf-8")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Returns when it listens, on the same port as before if it was stopped."""
        line = self._start(
            *("-m", "mailroom.sink", "--port", str(self.port), "--record", str(self.record)),
            *("--rules", str(self._rules), *self._options),
        )
        if "listening on" not in line:
            self.stop()
            raise RuntimeError(f"the sink did not start: {line}")
        self.port = int(line.split()[-1].rpartition(":")[2])

    def _start(self, *words: str) -> str:
        """Its first line."""
        root = Path(__file__).parents[2]
        command = [sys.executable, *words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", cwd=root)
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def stop(self, *, hard: bool = False) -> None:
        """End it; `hard`: as a crash would. The record is complete either way."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            self._process.wait(10)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def set_rules(self, rules: Iterable[str]) -> None:
        """From now (some milliseconds) on, also for connections that are open."""
        self._rules.write_text(json.dumps(list(rules)), encoding="utf-8")
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def count(self) -> int:
        """How many there are, without parsing them."""
        if not self.record.exists():
            return 0
        with self.record.open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))

    def messages(self) -> list[RecordedMessage]:
        return read(self.record)

    def wait(self, count: int, timeout: float = 10) -> list[RecordedMessage]:
        """All messages, once there are `count`; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self.count() < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.count()} of {count} messages arrived in {timeout:g} s")
            time.sleep(0.02)
        return self.messages()
