"""All drills in full, several at once: `python -m tests.drills [--short] [--at-once N] [DRILL...]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from itertools import chain
from typing import NoReturn

from tests import pgbouncer
from tests.drills.all import every_drill
from tests.drills.at_once import run_all
from tests.drills.drill import Drill
from tests.drills.ledgers import KINDS, Ledgers
from tests.drills.scenario import Scenario
from tests.drills.table import Table, print_head, print_row, write

ALONE = ("27",)
"""What is timed has the machine to itself, when all others are over."""

LONG = ("13", "28", "11", "9", "3", "1h", "1", "12", "11b", "14b")
"""These begin first, so that nobody waits for one of them at the end."""


def chosen(names: list[str]) -> list[Drill]:
    drills = every_drill()
    known = [drill.name for drill in drills]
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no such drill: {' '.join(unknown)}; there are: {' '.join(known)}")
    wanted = [drill for drill in drills if not names or drill.name in names]
    for drill in wanted:
        if lacks := drill.missing():
            print(f"{lacks}\nDrill {drill.name} is skipped.\n")
    return [drill for drill in wanted if not drill.missing()]


def present() -> list[str]:
    if pgbouncer.program() is not None:
        return list(KINDS)
    print(f"{pgbouncer.NO_PGBOUNCER}\nWhat goes through it is skipped.\n")
    return [kind for kind in KINDS if kind != "pgbouncer"]


def play_all(scenarios: list[Scenario], ledgers: Ledgers, at_once: int) -> Table:
    """One table; its rows are printed as they come, and kept in the order of the drills."""
    began = time.monotonic()
    places = {(scenario.name, scenario.database): place for place, scenario in enumerate(scenarios)}
    rows = []
    print_head()
    longest_first = sorted(scenarios, key=lambda one: LONG.index(one.name) if one.name in LONG else len(LONG))
    together = [one for one in longest_first if one.name not in ALONE]
    apart = [one for one in longest_first if one.name in ALONE]
    for row in chain(run_all(together, ledgers, at_once), run_all(apart, ledgers, 1)):
        print_row(row)
        rows.append(row)
    rows.sort(key=lambda row: places[row.name, row.database])
    return Table(rows, time.monotonic() - began)


def _interrupt(*_: object) -> NoReturn:
    """Once: a second one would cut short what ends the processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--short", action="store_true", help="as `make test` runs them: a hundred mails each")
    parser.add_argument("--database", choices=KINDS, help="only this one (default: all)")
    parser.add_argument(
        "--at-once", type=int, default=min(2 * cores, 6), metavar="N", help="scenarios (default: %(default)s)"
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="all of it, N times in a row")
    parser.add_argument("drills", nargs="*", metavar="DRILL", help="such as 1 14b (default: all)")
    arguments = parser.parse_args()
    kinds = [arguments.database] if arguments.database else present()
    scenarios = [
        Scenario(drill.name, kind, not arguments.short)
        for drill in chosen(arguments.drills)
        for kind in kinds
        if kind in drill.ledgers
    ]
    tables: list[Table] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with Ledgers(kinds) as ledgers:
            while len(tables) < arguments.times and not any(table.is_red for table in tables):
                tables.append(play_all(scenarios, ledgers, max(1, arguments.at_once)))
                print(f"{tables[-1].summary}\n", flush=True)
    except KeyboardInterrupt:
        print("Interrupted; everything is ended.")
        return 130
    if not arguments.short and not arguments.drills and not arguments.database:
        write(tables)
        print("Written to docs/reliability.md.")
    return 1 if tables[-1].is_red else 0


if __name__ == "__main__":
    sys.exit(main())
