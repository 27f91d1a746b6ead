"""Fork server: Python programs that start at once: what they load is loaded, what they compose is composed.

`python -m tests.warm_processes`: for each line of JSON on its standard input a process that does what the
line says, in a session of its own; its process id, or the exit code of one that ended, is the answer.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.inherited import LIMITS, umask

ROOT = Path(__file__).parents[1]

LOADED = {
    "worker.py": ["worker", "jobs.deliver"],
    "tests.hasty_worker": ["jobs.deliver", "tests.hasty_worker"],
    "tests.queue.stage": ["tests.queue.stage"],
    "gunicorn": ["gunicorn.app.wsgiapp", "gunicorn.arbiter", "mailroom.front.worker", "app"],
    "flask": ["flask.cli", "app"],
    "mailroom.sink": ["mailroom.sink.__main__"],
    "mailroom.submission": ["mailroom.submission.__main__"],
    "schemathesis.cli": ["schemathesis.cli", "schemathesis.cli.commands.run"],
    "tests.feedback.watcher": ["tests.feedback.watcher"],
}
"""What each program loads before it does anything; others are started, not forked."""

READ_BY_PYTHON = ("PYTHON", "LD_", "LC_", "LANG", "TZ")
"""How the names of variables begin that what is loaded already heeds no more."""


class WarmProcess:
    """`python WORDS` in `folder`, as subprocess.Popen would have it; what it prints goes into files."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        typed: Path | None = None,
        folder: Path = ROOT,
    ) -> None:
        output.touch()  # to be read at once, whatever it holds
        order = {
            "words": list(words),
            "environment": dict(environment),
            "folder": str(folder),
            "files": [str(typed or os.devnull), str(output), str(errors or output)],
            "ignored": [one for one in signal.valid_signals() if signal.getsignal(one) == signal.SIG_IGN],
            "umask": umask(),
            "limits": {limit: resource.getrlimit(limit) for limit in LIMITS},
        }
        self._server = _server_of(os.getpid())
        self.pid = self._server.ask(order)
        self._ended = os.pidfd_open(self.pid)
        self.returncode: int | None = None
        self.stdout = None  # as of subprocess.Popen: it goes into a file

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            self.returncode = self._server.ask({"ended": self.pid})
            os.close(self._ended)
        return self.returncode

    def wait(self, timeout: float) -> int:
        if self.returncode is None and not select.select([self._ended], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("python", timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_python(
    words: Sequence[str], environment: Mapping[str, str], output: Path, within: Sequence[str] = ()
) -> WarmProcess | subprocess.Popen[bytes]:
    """A program in a session of its own: forked where that makes no difference to it, else started.

    `within`: the command that it is run by, as `ulimit` in a shell: it is started.
    """
    if not within and _may_fork(words, environment):
        return WarmProcess(words, environment, output)
    started = [*within, sys.executable, *words]
    with output.open("ab") as log:
        return subprocess.Popen(
            started, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def run_python(
    words: Sequence[str],
    environment: Mapping[str, str],
    typed: str = "",
    timeout: float = 60,
    folder: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run would, of a program that gets `typed`."""
    if not _may_fork(words, environment):
        started = [sys.executable, *words]
        return subprocess.run(
            started, cwd=folder, env=environment, input=typed, capture_output=True, text=True, timeout=timeout
        )
    with TemporaryDirectory() as files:
        keyboard, output, errors = (Path(files) / name for name in ("typed", "output", "errors"))
        keyboard.write_text(typed)
        process = WarmProcess(words, environment, output, errors, keyboard, folder)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, code, output.read_text(), errors.read_text())


def _may_fork(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    return words[words[0] == "-m"] in LOADED and _of_python(environment) == _of_python(os.environ)


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for name, value in environment.items() if name.startswith(READ_BY_PYTHON)}
    if found.get("PYTHONPATH") == str(ROOT):  # it is there anyway
        del found["PYTHONPATH"]
    return found


class _Server:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_processes"],
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

    def end(self) -> None:
        self._process.communicate()


@cache
def _server_of(pid: int) -> _Server:
    """Each process has its own: where a test forks, both may ask."""
    return _Server()


def _serve() -> None:
    """Until its standard input ends; in each process that it forks, until that has ended."""
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["ended"], 0)[1])
        else:
            words = order["words"]
            name, *arguments = words[1:] if words[0] == "-m" else words
            _load(name, order["environment"].get("DATABASE_URL", "").partition(":")[0])
            if not (answer := os.fork()):
                _become(order)
                return _run(name, arguments)
        print(answer, flush=True)
    return None


@cache
def _load(name: str, ledger: str) -> None:
    """What the program loads, and the statements that it would compose for a ledger of that scheme."""
    for module in LOADED[name]:
        importlib.import_module(module)
    if ledger in ("sqlite", "postgresql") and "mailroom.database.engine" in sys.modules:
        from mailroom.database.engine import Database

        Database(f"{ledger}://").compose_statements()  # it never connects
    gc.freeze()


def _become(order: dict[str, Any]) -> None:
    """Nothing of the server stays but what it loaded: it is as the first test was that asked for one."""
    os.setsid()
    for one in signal.valid_signals():
        is_ignored = signal.getsignal(one) == signal.SIG_IGN
        if is_ignored != (one in order["ignored"]):
            as_ever = signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL
            signal.signal(one, as_ever if is_ignored else signal.SIG_IGN)
    for number, (path, how) in enumerate(zip(order["files"], ("rb", "ab", "ab"), strict=True)):
        with open(path, how) as file:
            os.dup2(file.fileno(), number)
    os.umask(order["umask"])
    for limit, both in order["limits"].items():
        resource.setrlimit(int(limit), tuple(both))
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])


def _run(name: str, arguments: list[str]) -> None:
    """Its `__main__`, anew: only what that loads is loaded already."""
    sys.argv = [name, *arguments]
    if name.endswith(".py"):
        runpy.run_path(name, run_name="__main__")
        return
    for main in (name, f"{name}.__main__"):
        if not hasattr(sys.modules.get(main), "__path__"):
            sys.modules.pop(main, None)  # or runpy warns
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
