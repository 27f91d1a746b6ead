"""Processes of a local run: heard under their names, started again, ended with all of their group."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from mailroom.local import parent_death, processes
from mailroom.local.console import Console
from mailroom.local.processes import Process

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
PARENT_OF_ONE = """
import subprocess, time
child = subprocess.Popen(["sleep", "60"])
print("child", child.pid, flush=True)
time.sleep(60)
"""


class Heard(io.StringIO):
    def lines(self, name: str) -> list[str]:
        return [line.partition("| ")[2] for line in self.getvalue().splitlines() if line.startswith(name)]


@pytest.fixture(autouse=True)
def _adopt_orphans() -> Iterator[None]:
    parent_death.adopt_orphans()
    yield
    parent_death.adopt_orphans(False)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def process(heard: Heard, name: str, *command: str) -> Process:
    return Process(name, command, Console(heard, colours=False, on_gone=lambda: None))


async def until(condition: Callable[[], object], timeout: float = 10) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_every_line_is_named(heard: Heard) -> None:
    async def main() -> None:
        one = process(heard, "one", "sh", "-c", "echo out; echo err >&2; printf 'unfinished'; sleep 60")
        one.start()
        await until(lambda: len(heard.lines("one")) == 2)
        await one.stop()

    asyncio.run(main())
    assert sorted(heard.lines("one")) == ["err", "out", "unfinished"]
    assert heard.getvalue().startswith("one      | ")


def test_what_dies_is_started_again(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE", 0.01)

    async def main() -> None:
        one = process(heard, "one", "sh", "-c", "echo $$; sleep 60")
        one.start()
        await until(lambda: len(heard.lines("one")) == 1)
        assert one.pid == int(heard.lines("one")[0])
        os.kill(one.pid, signal.SIGKILL)
        await until(lambda: len(heard.lines("one")) == 3)
        assert one.deaths == 1
        await one.stop()

    asyncio.run(main())
    assert heard.lines("one")[1] == "ended (killed by SIGKILL); starting it again in 0.01 s"


def test_a_crash_loop_is_slowed_down(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE", 0.05)

    async def main() -> None:
        one = process(heard, "one", "false")
        one.start()
        await until(lambda: one.deaths == 3)
        await one.stop()

    asyncio.run(main())
    assert heard.lines("one")[:3] == [
        f"ended (exit code 1); starting it again in {pause} s" for pause in ("0.05", "0.1", "0.2")
    ]


def test_what_a_killed_leader_leaves_behind_is_ended_first(heard: Heard) -> None:
    async def main() -> None:
        one = process(heard, "one", sys.executable, "-c", PARENT_OF_ONE)
        one.start()
        await until(lambda: heard.lines("one"))
        child = int(heard.lines("one")[0].split()[1])
        assert one.pid is not None
        os.kill(one.pid, signal.SIGKILL)
        await until(lambda: not lives(child))
        await one.stop()

    asyncio.run(main())


def test_stop_asks_the_leader_alone(heard: Heard) -> None:
    """A second signal means "at once" to workers: the leader tells them, and only the leader."""

    async def main() -> None:
        child = "(trap 'echo child told' TERM; sleep 60) &"
        one = process(heard, "one", "bash", "-c", f"{child} trap 'sleep 0.2; exit' TERM; echo up; wait")
        one.start()
        await until(lambda: heard.lines("one"))
        stopping = asyncio.create_task(one.stop())
        await asyncio.sleep(0.15)
        assert heard.lines("one") == ["up"]
        await stopping

    asyncio.run(main())


def test_who_does_not_listen_is_killed(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 0.3)

    async def main() -> None:
        one = process(heard, "one", sys.executable, "-c", STUBBORN)
        one.start()
        await until(lambda: heard.lines("one"))
        pid = one.pid
        assert pid is not None
        started = time.monotonic()
        await one.stop()
        assert time.monotonic() - started < 2
        assert not lives(pid)

    asyncio.run(main())


def test_the_terminals_ctrl_c_does_not_reach_it(heard: Heard) -> None:
    async def main() -> None:
        one = process(heard, "one", "sleep", "60")
        one.start()
        await until(lambda: one.pid)
        assert one.pid is not None
        assert os.getsid(one.pid) == os.getpgid(one.pid) == one.pid != os.getsid(0)
        await one.stop()

    asyncio.run(main())


def test_stopping_what_never_started_is_harmless(heard: Heard) -> None:
    asyncio.run(process(heard, "one", "sleep", "60").stop())
