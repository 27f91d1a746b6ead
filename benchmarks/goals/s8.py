"""S8: pages over a ledger with 1,000,000 deliveries."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from benchmarks import figures, old_ledger
from benchmarks.figures import Chart, Result
from benchmarks.goals.s1 import Waits
from benchmarks.system import System

MAILINGS, EACH, LARGE = 500, 1_000, 500_000
REQUESTS = 60


def measure() -> Result:
    with System(1) as system:
        old_ledger.fill(system.database, [EACH] * MAILINGS + [LARGE])
        large = MAILINGS + 1
        system.start_web()
        browser = system.browser()
        paths = {
            "the mailings list": "/mailings",
            "a mailing of 500,000": f"/mailings/{large}",
            "its failed deliveries": f"/mailings/{large}?state=failed",
            "a mailing of 1,000": f"/mailings/{large - 7}",
        }
        found = figures.alternating(
            {name: partial(visits, partial(browser.get, path)) for name, path in paths.items()}
        )
    p50 = {name: figures.median([figures.median(w) for w in all_]) * 1000 for name, all_ in found.items()}
    p95 = {
        name: figures.median([figures.percentile(w, 95) for w in all_]) * 1000 for name, all_ in found.items()
    }
    return Result(
        "S8",
        "Pages with 1,000,000 deliveries in the ledger",
        f"SQLite, {MAILINGS} mailings of {EACH:,} and one of {LARGE:,}; {REQUESTS} visits of each page a "
        "run, by one browser, under gunicorn.",
        ["page", "p50", "p95"],
        [[name, f"{p50[name]:.1f} ms", f"{p95[name]:.1f} ms"] for name in p50],
        [figures.below(f"{name}: p95 under 50 ms", value, 50, "ms") for name, value in p95.items()],
        Chart("Time to the page (p95)", "ms", list(p95.items())),
    )


def visits(get: Callable[[], object]) -> Waits:
    waits = Waits()
    for _ in range(REQUESTS):
        began = time.perf_counter()
        get()
        waits.append(time.perf_counter() - began)
    return waits
