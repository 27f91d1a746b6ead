"""A whole local run, as `make run` starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest

from mailroom.local.defaults import CATCHER_PORT
from mailroom.settings import read_local
from tests.held_up import HeldUp
from tests.ports import own_port
from tests.servers import wait_until

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"^Mailroom is ready: (http://127\.0\.0\.1:(\d+)/sign-in\?token=\S+)$", re.MULTILINE)


class LocalRun:
    """start.py in a process of its own; what it prints goes into a file beside its home.

    `within`: the command that it is run by, as `unshare` is.
    """

    def __init__(self, home: Path, checkout: Path = ROOT, within: Sequence[str] = (), **environ: str) -> None:
        self.home, self.port = home, int(environ.get("PORT") or own_port())
        self.output = home.parent / f"{home.name}.{time.monotonic_ns()}.out"
        with self.output.open("wb") as output:
            self.process = psutil.Popen(
                [*within, sys.executable, "start.py"],
                cwd=checkout,
                env=os.environ | {"MAILROOM_HOME": str(home), "PORT": str(self.port)} | environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._seen: set[psutil.Process] = set()

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    @property
    def link(self) -> str:
        """The printed link, once all is ready."""
        wait_until(lambda: READY.search(self.printed) or self.process.poll() is not None, 200, "the link")
        found = READY.search(self.printed)
        assert found, self.printed
        return found[1]

    @property
    def values(self) -> dict[str, str]:
        return read_local(self.home / "local.env")

    def processes(self) -> list[psutil.Process]:
        """All of its processes, those below them included."""
        found = self.process.children(recursive=True)
        self._seen.update(found)
        return found

    def process_of(self, *words: str) -> psutil.Process:
        """The one directly below it whose command line holds all the words."""
        for process in self.process.children():
            with suppress(psutil.NoSuchProcess):
                if all(any(word in part for part in process.cmdline()) for word in words):
                    return process
        raise AssertionError(f"no process of {words}: {self.printed}")

    def get(self, path: str, cookie: str = "") -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Cookie": cookie})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def answers(self) -> bool:
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def left(self) -> list[psutil.Process]:
        """What is still there of all the processes that were ever seen."""
        return [process for process in self._seen if _lives(process)]

    def interrupt(self, within: float = 15) -> int:
        """Ctrl-C; returns the exit code."""
        return self.end(signal.SIGINT, within)

    def end(self, number: signal.Signals, within: float = 15) -> int:
        """It ends in so many seconds, and those for which a busy machine held it up; the exit code."""
        ids = [process.pid for process in (self.process, *self.processes())]
        with HeldUp(lambda: ids) as machine:
            began = time.monotonic()
            self.process.send_signal(number)
            code: int = self.process.wait(60)
            took = time.monotonic() - began
        assert took < within + machine.at_most(took)
        return code

    def kill_all(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self.processes()
            self.process.kill()
            self.process.wait(5)
        for process in self.left():
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


Start = Callable[..., LocalRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a local run; by default in tmp_path/home on a free port. It does not wait for it."""
    with starting(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """One for all tests of a module that leave it as it is. It came when the catcher's port was taken."""
    folder = tmp_path_factory.mktemp("running")
    with starting(folder) as start, socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for tried in range(3):
            with suppress(OSError):  # another run has it: as good, unless it ends in this very moment
                taken.bind(("127.0.0.1", CATCHER_PORT))
                taken.listen()
            run = start(folder / f"home{tried}")
            assert run.link
            if int(run.values["MAIL_PORT"]) != CATCHER_PORT:
                break
            run.kill_all()
        yield run


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    runs: list[LocalRun] = []

    def start(home: Path | None = None, **options: Any) -> LocalRun:
        runs.append(LocalRun(home or folder / "home", **options))
        return runs[-1]

    yield start
    for run in runs:
        run.kill_all()
