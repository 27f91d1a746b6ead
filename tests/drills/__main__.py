"""All drills in full: `python -m tests.drills [--short] [--database sqlite|postgres] [DRILL...]`."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from mailroom.ledger.migrate import upgrade
from tests import postgres
from tests.drills.all import every_drill
from tests.drills.drill import Drill
from tests.drills.stage import Stage
from tests.drills.table import Row, print_head, print_row, write

DATABASES = ("sqlite", "postgres")


@contextmanager
def ledger(kind: str, folder: Path, server: postgres.Postgres | None) -> Iterator[str]:
    """The URL of a new one."""
    if server is None or kind == "sqlite":
        url = f"sqlite:///{folder / 'mailroom.db'}"
        upgrade(url)
        yield url
        return
    name = server.create()
    try:
        upgrade(server.url(name))
        yield server.url(name)
    finally:
        server.drop(name)


def run(drill: Drill, kind: str, server: postgres.Postgres | None, *, full: bool) -> Row:
    folder = Path(tempfile.mkdtemp(prefix="mailroom-drill-"))
    began = time.monotonic()
    row = Row(drill.name, drill.fault, kind)
    with ledger(kind, folder, server) as url, Stage(folder, url, full=full) as stage:
        try:
            drill.run(stage)
            stage.check()
        except Exception as error:
            row.trouble = f"{type(error).__name__}: {error}"
        row.learn(stage)
    row.seconds = time.monotonic() - began
    if row.trouble:
        row.trouble += f"\nWhat it left: {folder}"
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return row


def chosen(arguments: argparse.Namespace) -> list[Drill]:
    found = [drill for drill in every_drill() if not arguments.drills or drill.name in arguments.drills]
    if not found:
        sys.exit(f"no such drill; there are: {' '.join(drill.name for drill in every_drill())}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--short", action="store_true", help="as `make test` runs them: a hundred mails each")
    parser.add_argument("--database", choices=DATABASES, help="only this one (default: both)")
    parser.add_argument("drills", nargs="*", metavar="DRILL", help="such as 1 14b (default: all)")
    arguments = parser.parse_args()
    kinds = [arguments.database] if arguments.database else list(DATABASES)
    server = postgres.Postgres() if "postgres" in kinds else None
    rows: list[Row] = []
    # What the workers say is in their logs; ours would tear the table.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print_head()
    try:
        for drill in chosen(arguments):
            for kind in kinds:
                rows.append(run(drill, kind, server, full=not arguments.short))
                print_row(rows[-1])
    finally:
        if server is not None:
            server.stop()
    if not arguments.short and not arguments.drills and not arguments.database:
        write(rows)
        print("\nWritten to docs/reliability.md.")
    return 1 if any(row.trouble for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
