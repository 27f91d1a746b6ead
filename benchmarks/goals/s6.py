"""S6: a server that takes its time."""

from __future__ import annotations

import time

from benchmarks import figures, letter
from benchmarks.figures import Chart, Result
from benchmarks.peers.running import CELERY_THREADS, Running
from benchmarks.slow import slow_sink
from benchmarks.system import System
from mailroom.sink import SinkProcess
from tests.servers import wait_until

MAILS, DELAY, SESSIONS = 1_000, 0.2, 50
IDEAL = MAILS * DELAY / (2 * SESSIONS)
FEW, LONG = 5, 2.0


def measure() -> Result:
    found = figures.alternating({"Mailroom": mailroom, CELERY_THREADS.name: celery, "five": article})
    ours, theirs, five = (figures.median(found[name]) for name in found)
    return Result(
        "S6",
        "A server that takes its time",
        f"{MAILS:,} mails, {DELAY} s each, 2 workers x {SESSIONS} sessions (ideal: {IDEAL:.1f} s), from the "
        "first mail's arrival to the last; and the article's 5 mails at 2 s with default settings (ideal: "
        "2.0 s), from the form's submission until the last has arrived.",
        ["", f"{MAILS:,} mails at {DELAY} s", "5 mails at 2 s"],
        [
            [
                "Mailroom",
                f"{ours:.2f} s ({ours / IDEAL:.2f} x ideal)",
                f"{five:.2f} s ({five / LONG:.2f} x ideal)",
            ],
            [CELERY_THREADS.name, f"{theirs:.2f} s ({theirs / IDEAL:.2f} x ideal)", ""],
        ],
        [
            figures.below(f"within 1.3 x the ideal {IDEAL:.1f} s", ours / IDEAL, 1.3, "x"),
            figures.below("5 mails within 1.1 x the ideal 2.0 s", five / LONG, 1.1, "x"),
        ],
        Chart("1,000 mails, 0.2 s each", "s", [("ideal", IDEAL), ("Mailroom", ours), ("Celery", theirs)]),
    )


def mailroom() -> float:
    with slow_sink(DELAY) as sink, System(sink.port, MAILROOM_CONNECTIONS=str(SESSIONS)) as system:
        system.accept(MAILS)
        system.start_workers(2)
        return _between_first_and_last(sink, MAILS)


def celery() -> float:
    with slow_sink(DELAY) as sink, Running(CELERY_THREADS, sink.port) as peer:
        peer.fill(MAILS)
        peer.start_workers()
        return _between_first_and_last(sink, MAILS)


def _between_first_and_last(sink: SinkProcess, mails: int) -> float:
    """And what the first one took, which began before."""
    wait_until(lambda: sink.count() >= 1, 60)
    began = time.perf_counter() - DELAY
    wait_until(lambda: sink.count() >= mails, 60)
    return time.perf_counter() - began


def article() -> float:
    people = [letter.address(number) for number in range(FEW)]
    with slow_sink(LONG) as sink, System(sink.port) as system:
        system.start_web()
        system.start_workers()
        browser = system.browser()
        began = time.perf_counter()
        browser.send(people)
        wait_until(lambda: sink.count() >= FEW, 60)
        return time.perf_counter() - began
