"""A process of a local run: started, heard, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from contextlib import suppress

from mailroom.local import parent_death
from mailroom.local.console import Console, Lines

TERMINATE_SECONDS = 8.0  # seconds between SIGTERM and SIGKILL
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # before it is started again
STEADY = 10.0  # who lived this long is not in a crash loop


class Process:
    """One program, kept running until stop().

    It leads a process group and session of its own: so the terminal's Ctrl-C does not
    reach it, we alone decide the order of the end, and what it leaves behind can be found.
    """

    def __init__(
        self, name: str, command: Sequence[str], console: Console, fds: Sequence[int] = (), hide: str = ""
    ) -> None:
        self.name, self.command, self.hide = name, list(command), hide
        self.deaths = 0
        self._console, self._fds = console, tuple(fds)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def stop(self) -> None:
        """SIGTERM, and what is still there after TERMINATE_SECONDS is killed. Harmless when it never ran."""
        self._stopping.set()
        if self._task is None:
            return
        if self._process is not None and self._process.returncode is None:
            # To the leader alone: it tells its own, and a second signal means "at once" to them.
            with suppress(ProcessLookupError):
                self._process.terminate()
        done, _ = await asyncio.wait({self._task}, timeout=TERMINATE_SECONDS)
        if not done:
            self.kill()
        await asyncio.wait({self._task}, timeout=TERMINATE_SECONDS)

    def kill(self) -> None:
        """End it and all of its group now."""
        self._stopping.set()
        if self.pid:
            _signal_group(self.pid, signal.SIGKILL)

    async def _keep_running(self) -> None:
        reading, writing = os.pipe()
        lines = Lines(self._console, self.name, self.hide)
        loop = asyncio.get_running_loop()
        os.set_blocking(reading, False)
        loop.add_reader(reading, _read, reading, lines)
        try:
            await self._run_again_and_again(writing)
        finally:
            loop.remove_reader(reading)
            _read(reading, lines)
            lines.end()
            os.close(writing)
            os.close(reading)

    async def _run_again_and_again(self, output: int) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once(output)
            if self._stopping.is_set():
                return
            self.deaths += 1
            pause = FIRST_PAUSE if time.monotonic() - started > STEADY else pause
            self._console.line(self.name, f"ended ({_how(code)}); starting it again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_once(self, output: int) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *parent_death.command(self.command),
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=self._fds,
        )
        if self._stopping.is_set():  # stop() came while it was being started
            self._process.terminate()
        code = await self._process.wait()
        await _end_group(self._process.pid)
        return code


async def _end_group(leader: int) -> None:
    """End what a dead leader left behind: it would hold the port, or do its work twice."""
    deadline = time.monotonic() + TERMINATE_SECONDS
    alive = _signal_group(leader, signal.SIGTERM)
    while alive and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        _reap_group(leader)
        alive = _signal_group(leader, 0)
    if alive:
        _signal_group(leader, signal.SIGKILL)


def _reap_group(leader: int) -> None:
    """A dead process counts as one of its group until somebody asks how it ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-leader, os.WNOHANG) != (0, 0):
            pass


def _signal_group(leader: int, number: int) -> bool:
    """Whether anybody was there to get it."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _read(pipe: int, lines: Lines) -> None:
    with suppress(BlockingIOError):
        while data := os.read(pipe, 65536):
            lines.feed(data)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"
