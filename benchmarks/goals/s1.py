"""S1: the article's case, 5 mails and a server that takes 2 seconds for each."""

from __future__ import annotations

import time

from benchmarks import figures, letter
from benchmarks.client import Client
from benchmarks.figures import Chart, Result
from benchmarks.peers.running import INLINE, Running
from benchmarks.slow import slow_sink
from benchmarks.system import System

MAILS = 5
REQUESTS = 200


def measure() -> Result:
    found = figures.alternating({"inline": inline, "async": asynchronous})
    sync = figures.median([waits[0] for waits in found["inline"]])
    p50 = figures.median([figures.median(waits) for waits in found["async"]])
    p99 = figures.median([figures.percentile(waits, 99) for waits in found["async"]])
    return Result(
        "S1",
        "The answer to 5 mails, with a server that takes 2 s a mail",
        f"gunicorn, one client; {REQUESTS} asynchronous requests a run, each accepted durably "
        "(SQLite, synchronous=FULL) before its answer. The synchronous view sends by Flask-Mail.",
        ["", "p50", "p99"],
        [
            ["sent in the request", f"{sync * 1000:,.0f} ms", ""],
            ["accepted by Mailroom", f"{p50 * 1000:.2f} ms", f"{p99 * 1000:.2f} ms"],
        ],
        [
            figures.at_least("synchronous / asynchronous at least 2,000", sync / p50, 2000),
            figures.below("asynchronous p50 under 5 ms", p50 * 1000, 5, "ms"),
            figures.below("asynchronous p99 under 25 ms", p99 * 1000, 25, "ms"),
        ],
        Chart("Time to the answer", "ms", [("sent in the request", sync * 1000), ("Mailroom", p50 * 1000)]),
    )


class Waits(list[float]):
    """Seconds of each request."""

    def __str__(self) -> str:
        return f"p50 {figures.median(self) * 1000:.2f} ms, p99 {figures.percentile(self, 99) * 1000:.2f} ms"


def inline() -> Waits:
    with slow_sink(2) as sink, Running(INLINE, sink.port) as peer:
        peer.start_web()
        client = Client(peer.port)
        began = time.perf_counter()
        status, _ = client.post(f"/send/{MAILS}", b"")
        assert status == 200
        return Waits([time.perf_counter() - began])


def asynchronous() -> Waits:
    people = [letter.address(number) for number in range(MAILS)]
    with slow_sink(2) as sink, System(sink.port) as system:
        system.start_web()
        system.start_workers()
        browser = system.browser()
        for _ in range(20):
            browser.send(people)
        return Waits(browser.send(people) for _ in range(REQUESTS))
