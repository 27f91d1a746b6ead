"""S7: growth. S2 at three sizes, and a worker's memory."""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

from benchmarks import figures
from benchmarks.figures import Chart, Result
from benchmarks.goals import s2
from benchmarks.postfix import SmtpSink
from benchmarks.system import System

SIZES = (5_000, 20_000, 100_000)


class Drained(NamedTuple):
    """Mails a second, and the largest worker's memory at the end (bytes)."""

    rate: float
    memory: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f} mails/s, {self.memory / 2**20:.0f} MiB"


def measure() -> Result:
    found = figures.alternating({f"{size:,}": partial(drain, size) for size in SIZES})
    rate = {name: figures.median([d.rate for d in all_]) for name, all_ in found.items()}
    memory = {name: figures.median([d.memory for d in all_]) / 2**20 for name, all_ in found.items()}
    spread = max(rate.values()) / min(rate.values()) - 1
    growth = memory[f"{SIZES[-1]:,}"] - memory[f"{SIZES[0]:,}"]
    return Result(
        "S7",
        "Growth: from 5,000 to 100,000 mails",
        "S2 at three sizes, a fresh ledger for each.",
        ["mails", "mails/s", "memory of a worker at the end"],
        [[name, f"{rate[name]:,.0f}", f"{memory[name]:.0f} MiB"] for name in rate],
        [
            figures.below("mails/s within 15 % of each other", spread * 100, 15, "%"),
            figures.below(
                "memory of a worker flat (20 times the mails: under 20 MiB more)", growth, 20, "MiB"
            ),
        ],
        Chart("Mails a second by size of the mailing", "mails/s", list(rate.items())),
    )


def drain(mails: int) -> Drained:
    with SmtpSink() as sink, System(sink.port, MAILROOM_CONNECTIONS=str(s2.SESSIONS)) as system:
        accepted = system.accept(mails)
        workers = system.start_workers(2)
        sink.wait(1, 30)
        began = time.perf_counter()
        system.wait_until_over(accepted.mailing_id, is_near=lambda: sink.count >= mails)
        return Drained(mails / (time.perf_counter() - began), max(workers.memory().values()))
