"""A program that is forked off has what the test has that asks for it, and nothing of an earlier one's."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests import hang_ups, warm_processes
from tests.queue.stage import Stage
from tests.servers import Valkey

FILES = 500


@pytest.fixture(autouse=True)
def _a_server_that_nobody_asked_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    servers = list[warm_processes._Server]()

    @cache
    def server_of(pid: int) -> warm_processes._Server:
        servers.append(warm_processes._Server())
        return servers[-1]

    monkeypatch.setattr(warm_processes, "_server_of", server_of)
    yield
    for server in servers:
        server.end()


@pytest.fixture
def inherited(valkey: Valkey, tmp_path: Path) -> Iterator[Callable[[], tuple[str, int, int]]]:
    """Of a program that is forked now: its umask, how many files it may open, and its ignored signals."""
    with ExitStack() as ends:
        folders = (tmp_path / str(number) for number in range(9))

        def of_another() -> tuple[str, int, int]:
            (folder := next(folders)).mkdir()
            stage = Stage(valkey.url, folder)
            ends.callback(stage.end)
            stage.wait_for("start")
            assert isinstance(stage.process, warm_processes.WarmProcess)
            told = Path(f"/proc/{stage.process.pid}/status").read_text().replace("\t", " ").splitlines()
            status = dict(line.split(": ", 1) for line in told if ": " in line)
            may_open, _ = resource.prlimit(stage.process.pid, resource.RLIMIT_NOFILE)
            return status["Umask"], may_open, int(status["SigIgn"], 16) >> (signal.SIGHUP - 1) & 1

        yield of_another


@contextmanager
def _unusual() -> Iterator[None]:
    umask, limits = os.umask(0o070), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, limits[1]))
    try:
        with hang_ups.ignored():
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        os.umask(umask)


def test_what_the_first_test_had_stays_with_its_own_program(
    inherited: Callable[[], tuple[str, int, int]],
) -> None:
    with _unusual():
        first = inherited()
    assert first == ("0070", FILES, 1)
    umask, may_open, is_ignored = inherited()
    assert umask != "0070" and may_open != FILES and not is_ignored


def test_what_a_later_test_has_its_program_has(inherited: Callable[[], tuple[str, int, int]]) -> None:
    umask, may_open, is_ignored = inherited()
    assert umask != "0070" and may_open != FILES and not is_ignored
    with _unusual():
        assert inherited() == ("0070", FILES, 1)
