"""make bench [S1 ... S10, S12 ... S14]: measure, print tables; a run of all writes docs/performance.md."""

from __future__ import annotations

import argparse
import importlib
import time
from datetime import UTC, datetime

from benchmarks import figures, machine, postfix, report
from benchmarks.figures import Result
from benchmarks.peers import running
from benchmarks.processes import ROOT

GOALS = [*(f"S{number}" for number in range(1, 11)), "S12", "S13", "S14"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("goals", nargs="*", metavar="GOAL", help="default: all, and write the page")
    parser.add_argument(
        "--rounds", type=int, default=figures.ROUNDS, help="runs of each (default: %(default)s)"
    )
    parser.add_argument("--write", action="store_true", help="renew the sections of these goals on the page")
    options = parser.parse_args()
    chosen = [goal.upper() for goal in options.goals] or GOALS
    if unknown := set(chosen) - set(GOALS):
        parser.error(f"there is no goal {', '.join(sorted(unknown))}; there are {', '.join(GOALS)}")
    figures.ROUNDS = options.rounds
    postfix.program("smtp-sink")
    running.python()
    about = machine.description()
    print(f"{about}\n", flush=True)
    results = [measured(goal) for goal in chosen]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    if chosen == GOALS:
        page = report.write(results, about, day, options.rounds)
        print(f"Written: {page.relative_to(ROOT)}")
    elif options.write:
        for result in results:
            report.renew(result, about, day, options.rounds)


def measured(goal: str) -> Result:
    began = time.monotonic()
    print(f"{goal} ...", flush=True)
    result: Result = importlib.import_module(f"benchmarks.goals.{goal.lower()}").measure()
    print(f"\n{report.shown(result)}\n({time.monotonic() - began:.0f} s)\n", flush=True)
    return result


if __name__ == "__main__":
    main()
