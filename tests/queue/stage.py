"""A stage for the queue's tests: real worker processes whose engine only notes what it is told.

    python -m tests.queue.stage REDIS_URL NOTES [--pool N] [--burst] QUEUE...

Jobs are Mailroom's own, `jobs.deliver.deliver(batch_id, epoch)`, but here the epoch says how
long one takes, in milliseconds; FAILS says that it fails.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from mailroom.queue import Job, Pool, Queue, Worker
from mailroom.queue.connection import connect
from tests.servers import wait_until
from tests.warm_processes import start_python

FAILS = 666_000

_notes: Path
_stopping = False


def job_of(queue: Queue, job_id: str) -> dict[bytes, bytes]:
    """What lies in Redis of a job; its client decodes nothing."""
    return cast(dict[bytes, bytes], queue.redis.hgetall(f"rq:job:{job_id}"))


def note(*words: object) -> None:
    with _notes.open("a") as notes:
        notes.write(" ".join(map(str, (os.getpid(), *words))) + "\n")


def start(name: str, queue: Queue) -> None:
    note("start", name)


def stop() -> None:
    note("stop")


def leave_if_not_alone(queue: Queue) -> None:
    """On a stage nobody asks."""


def ledger() -> None:
    """On a stage there is none."""


def is_held() -> bool:
    return False


def request_stop() -> None:
    global _stopping
    _stopping = True
    note("request_stop")


def deliver(batch_id: int, epoch: int) -> None:
    note("begin", batch_id, epoch)
    if epoch == FAILS:
        raise RuntimeError("550 <b>ann@example.org</b> is not here")
    until = time.monotonic() + epoch / 1000
    while time.monotonic() < until and not (_stopping and epoch < 60_000):
        time.sleep(0.005)
    note("end", batch_id, epoch)


class StageJob(Job):
    @property
    def func(self) -> Callable[..., Any]:
        self.check()
        return deliver


class StageWorker(Worker):
    engine_module = "tests.queue.stage"
    job_class = StageJob


class Stage:
    """One `python -m tests.queue.stage`, and what it noted."""

    def __init__(self, redis_url: str, folder: Path, *options: str) -> None:
        self.notes = folder / "notes"
        self.notes.touch()
        words = ["-m", "tests.queue.stage", redis_url, str(self.notes), *options]
        self.process = start_python(words, os.environ, folder / "log")

    def lines(self, *verbs: str) -> list[list[str]]:
        lines = [line.split() for line in self.notes.read_text().splitlines()]
        return [line for line in lines if not verbs or line[1] in verbs]

    def batches(self, verb: str = "end") -> list[int]:
        return [int(line[2]) for line in self.lines(verb)]

    def pids(self) -> list[int]:
        return [int(line[0]) for line in self.lines("start")]

    def wait_for(self, verb: str, number: int = 1, timeout: float = 15) -> list[list[str]]:
        wait_until(lambda: len(self.lines(verb)) >= number, timeout, f"{number} x {verb}")
        return self.lines(verb)

    def send(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = 12) -> int:
        return self.process.wait(timeout)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # workers whose pool was killed as well
        self.process.wait(5)


def main() -> None:
    global _notes
    parser = argparse.ArgumentParser()
    parser.add_argument("redis_url")
    parser.add_argument("notes", type=Path)
    parser.add_argument("--pool", type=int)
    parser.add_argument("--burst", action="store_true")
    parser.add_argument("queues", nargs="*", default=["urgent", "bulk"])
    options = parser.parse_args()
    import tests.queue.stage as stage  # the module that the worker imports by name, not __main__

    stage._notes = options.notes
    if options.pool:
        Pool(options.queues, options.redis_url, options.pool, stage.StageWorker).start(burst=options.burst)
    else:
        stage.StageWorker(options.queues, connection=connect(options.redis_url)).work(burst=options.burst)


if __name__ == "__main__":
    main()
