"""Draining on PostgreSQL directly, and through PgBouncer in transaction mode: seconds, in one run.

python -m benchmarks.pooler [--mails 2000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from benchmarks import figures
from benchmarks.goals.s2 import SESSIONS, drain_ledger
from benchmarks.postfix import SmtpSink
from benchmarks.system import System
from tests.pgbouncer import NO_PGBOUNCER, PgBouncer, program
from tests.postgres import Postgres


def seconds(server: Postgres, between: PgBouncer | None, mails: int) -> float:
    """Of two workers, from the first mail's arrival until all outcomes are on disk."""
    database = server.create()
    url = (between or server).url(database)
    environment = {"MAILROOM_CONNECTIONS": str(SESSIONS), "DATABASE_URL": url}
    with SmtpSink() as sink, System(sink.port, server.url(database), **environment) as system:
        drained = drain_ledger(sink, system, mails)
        if "away" in (said := system.log("worker")):
            sys.exit(f"the ledger was away:\n{said}")
    return mails / drained.rate


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=figures.ROUNDS)
    options = parser.parse_args()
    if program() is None:
        sys.exit(NO_PGBOUNCER)
    figures.ROUNDS = options.rounds
    server = Postgres()
    pooler = PgBouncer(server)
    try:
        ways = {"directly": None, "through PgBouncer": pooler}
        found = figures.alternating(
            {name: partial(seconds, server, between, options.mails) for name, between in ways.items()}
        )
    finally:
        pooler.stop()
        server.stop()
    for name, all_ in found.items():
        print(f"{options.mails:,} mails {name}: {figures.median(all_):.2f} s")


if __name__ == "__main__":
    main()
