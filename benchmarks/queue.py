"""Cost of RQ: our Worker beside RQ's own, on jobs that do nothing.

    python -m benchmarks.queue [JOBS]

Idle: from before the enqueue until the job has begun. Drain: jobs a second out of a full queue.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import rq
from redis import Redis

from mailroom.queue import URGENT, Job, Queue, Worker
from tests.servers import Valkey, wait_until

BEGUN = "benchmark:begun"


def begin(number: int, redis_url: str) -> None:
    _redis(redis_url).rpush(BEGUN, f"{number} {time.monotonic()}")


_clients: dict[str, Redis] = {}


def _redis(url: str) -> Redis:
    return _clients.setdefault(url, Redis.from_url(url))


class OurJob(Job):
    @property
    def func(self) -> Callable[..., Any]:
        self.check()
        return lambda batch_id, epoch: begin(batch_id, os.environ["BENCHMARK_REDIS"])


class OurWorker(Worker):
    job_class = OurJob
    engine_module = "benchmarks.queue"


def start(name: str, queue: Queue) -> None: ...


def stop() -> None: ...


def request_stop() -> None: ...


def ours(url: str) -> None:
    OurWorker([URGENT, "bulk"], connection=Redis.from_url(url)).work(logging_level="ERROR")


def rqs(url: str) -> None:
    rq.SimpleWorker([URGENT, "bulk"], connection=Redis.from_url(url)).work(logging_level="ERROR")


def _has_begun(redis: Redis, number: int) -> bool:
    return redis.llen(BEGUN) > number


def measure(work: Callable[[str], None], enqueue: Callable[[int, int], object], url: str, jobs: int) -> str:
    redis = _redis(url)
    redis.flushall()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(url,))
    process.start()
    wait_until(lambda: redis.smembers("rq:workers"), 20)
    waits = []
    for number in range(200):
        asked = time.monotonic()
        enqueue(number, 1)
        wait_until(partial(_has_begun, redis, number))
        waits.append(1000 * (float((redis.lindex(BEGUN, -1) or b"").split()[1]) - asked))
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGSTOP)
    enqueue(1000, jobs)
    os.kill(process.pid or 0, signal.SIGCONT)
    began = time.monotonic()
    wait_until(lambda: redis.llen(BEGUN) == 200 + jobs, 120)
    rate = jobs / (time.monotonic() - began)
    process.terminate()
    process.join(10)
    waits.sort()
    return f"{statistics.median(waits):6.2f} ms p50 {waits[197]:6.2f} ms p99 {rate:8.0f} jobs/s"


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        valkey = Valkey(Path(folder) / "valkey")
        valkey.start()
        os.environ["BENCHMARK_REDIS"] = valkey.url
        queue, theirs = Queue(valkey.url), rq.Queue(URGENT, connection=Redis.from_url(valkey.url))

        def enqueue_ours(first: int, number: int) -> None:
            queue.enqueue((n, 0, 1, URGENT) for n in range(first, first + number))

        def enqueue_theirs(first: int, number: int) -> None:
            for n in range(first, first + number):
                theirs.enqueue("benchmarks.queue.begin", n, valkey.url)

        print("Mailroom's Worker  ", measure(ours, enqueue_ours, valkey.url, jobs))
        print("RQ's SimpleWorker  ", measure(rqs, enqueue_theirs, valkey.url, jobs))
        valkey.kill()


if __name__ == "__main__":
    main()
