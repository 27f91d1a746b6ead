"""S8: pages over a ledger with 1,000,000 deliveries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, text

from benchmarks import figures, letter
from benchmarks.figures import Chart, Result
from benchmarks.goals.s1 import Waits
from benchmarks.system import System
from mailroom.ledger import states
from mailroom.ledger.schema import contents, mailings

MAILINGS, EACH, LARGE = 500, 1_000, 500_000
REQUESTS = 60
FAILS = 100
"""One in so many failed."""

DELIVERY = (
    "INSERT INTO deliveries (mailing_id, address, address_key, state, attempts, code, marked_at, updated_at)"
    " VALUES (?, ?, ?, ?, 1, ?, ?, ?)"
)


def measure() -> Result:
    with System(1) as system:
        large = fill(system)
        system.start_web()
        browser = system.browser()
        paths = {
            "the mailings list": "/mailings",
            "a mailing of 500,000": f"/mailings/{large}",
            "its failed deliveries": f"/mailings/{large}?state=failed",
            "a mailing of 1,000": f"/mailings/{large - 7}",
        }

        def visits(path: str) -> Waits:
            waits = Waits()
            for _ in range(REQUESTS):
                began = time.perf_counter()
                browser.get(path)
                waits.append(time.perf_counter() - began)
            return waits

        found = figures.alternating({name: partial(visits, path) for name, path in paths.items()})
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


def fill(system: System) -> int:
    """Writes them as if they had been sent, one in a hundred failed; the large mailing's id."""
    sizes = [EACH] * MAILINGS + [LARGE]
    with system.database.begin() as connection:
        connection.execute(insert(mailings), [_mailing(number, size) for number, size in enumerate(sizes, 1)])
        connection.execute(insert(contents), [_content(number) for number in range(1, len(sizes) + 1)])
    for mailing_id, size in enumerate(sizes, 1):
        with system.database.begin() as connection:
            rows: Any = _deliveries(mailing_id, size)  # one after the other, which PEP 249 does not promise
            connection.connection.cursor().executemany(DELIVERY, rows)
    with system.database.begin() as connection:
        connection.execute(text("ANALYZE"))
        assert connection.execute(text("SELECT count(*) FROM deliveries")).scalar_one() >= 1_000_000
    return len(sizes)


def _mailing(number: int, size: int) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "uid": str(uuid4()),
        "kind": "individual",
        "state": states.DONE,
        "queue": "bulk",
        "sender_address": letter.SENDER,
        "subject": f"Letter number {number}",
        "total": size,
        "sent": size - size // FAILS,
        "failed": size // FAILS,
        "created_at": now,
        "expires_at": now + timedelta(days=2),
        "started_at": now,
        "ended_at": now,
    }


def _content(mailing_id: int) -> dict[str, object]:
    return {
        "mailing_id": mailing_id,
        "reply_to": [],
        "text": letter.TEXT,
        "html": letter.HTML,
        "headers": [],
        "columns": [],
        "tags": [],
    }


def _deliveries(mailing_id: int, size: int) -> Iterator[tuple[object, ...]]:
    now = int(time.time() * 1000)
    for number in range(size):
        address = letter.address(number)
        state, code = (states.FAILED, 550) if number % FAILS == 0 else (states.SENT, 250)
        yield mailing_id, address, address, state, code, now, now
