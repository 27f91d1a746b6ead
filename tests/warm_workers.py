"""Fork server: pools of workers that start at once, since what worker.py loads is loaded already.

`python -m tests.warm_workers`: for each line of JSON on its standard input a process that does what the
line says, in a session of its own; its process id, or the exit code of one that ended, is the answer.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Pool:
    """A process of worker.py, as subprocess.Popen would have it."""

    def __init__(self, arguments: list[str], lease: float | None, log: Path, environment: dict[str, str]):
        order = {"arguments": arguments, "lease": lease, "log": str(log), "environment": environment}
        self._server = _server_of(os.getpid())
        self.pid = self._server.ask(order)
        self._ended = os.pidfd_open(self.pid)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            self.returncode = self._server.ask({"ended": self.pid})
            os.close(self._ended)
        return self.returncode

    def wait(self, timeout: float) -> int:
        if self.returncode is None and not select.select([self._ended], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("worker.py", timeout)
        code = self.poll()
        assert code is not None
        return code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


class _Server:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_workers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is not meant for it
        )

    def ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


@cache
def _server_of(pid: int) -> _Server:
    """Each process has its own: where a test forks, both may ask."""
    return _Server()


def _serve() -> int:
    """Until its standard input ends; in each process that it forks, that one's exit code."""

    import jobs.deliver  # noqa: F401
    import worker
    from tests.hasty_worker import be_hasty

    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["ended"], 0)[1])
        elif not (answer := os.fork()):
            _become(order)
            if order["lease"] is not None:
                be_hasty(order["lease"])
            return worker.main(order["arguments"])
        print(answer, flush=True)
    return 0


def _become(order: dict[str, Any]) -> None:
    """Nothing of the server stays but what it loaded."""
    os.setsid()
    with open(os.devnull) as nothing, Path(order["log"]).open("ab") as log:
        for number, file in ((0, nothing), (1, log), (2, log)):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["worker.py", *order["arguments"]]


if __name__ == "__main__":
    sys.exit(_serve())
