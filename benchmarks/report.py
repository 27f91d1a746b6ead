"""Results as tables for the terminal, and as docs/performance.md with its charts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import chart
from benchmarks.figures import Result
from benchmarks.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"
CHARTS = ROOT / "docs" / "performance"
LIMITS = ROOT / "benchmarks" / "limits.md"
"""Where the time goes and what was tried: written by people, kept beside what is measured."""

INTRODUCTION = """\
# Performance

Measured by `make bench`, which sets up everything it needs and writes this page; `make bench S2`
measures one goal. Peers run in the same run, in turn with Mailroom, on the same machine; every
figure is {medians}. Ratios bind: absolute times are this machine's.

Measured on {day}: {machine}.
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns lined up, the first to the left and all others to the right."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def shown(result: Result) -> str:
    """For the terminal."""
    checks = [[check.wanted, check.measured, _verdict(check.is_met)] for check in result.checks]
    parts = [f"{result.goal}  {result.title}", table(result.header, result.rows)]
    return "\n\n".join([*parts, table(["goal", "measured", ""], checks)]) + "\n"


def write(results: Sequence[Result], machine: str, day: str, rounds: int) -> Path:
    """docs/performance.md and the charts beside it."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    medians = "from a single run" if rounds == 1 else f"the median of {rounds} runs"
    parts = [INTRODUCTION.format(machine=machine, day=day, medians=medians), _summary(results)]
    parts += [_section(result) for result in results]
    parts += [LIMITS.read_text()] if LIMITS.exists() else []
    PAGE.write_text("\n".join(parts))
    return PAGE


def renew(result: Result, machine: str, day: str, rounds: int) -> None:
    """One goal's section, charts and rows in the table of goals, in the page that is there."""
    number, page = int(result.goal[1:]), PAGE.read_text()
    told = f"Measured on {day} by `make bench {result.goal} ARGS=--write`, "
    told += f"{rounds} round{'s' * (rounds > 1)}: {machine}."
    section = f"{_section(replace(result, notes=[*result.notes, told]))}\n"
    first, *others = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    kept = [one for one in others if not one.startswith(f"## {result.goal}:")]
    place = next((at for at, one in enumerate(kept) if _number(one) > number), len(kept))
    goals = next(at for at, one in enumerate(kept) if one.startswith("## Goals"))
    kept[goals] = _with_rows(kept[goals], result, number)
    PAGE.write_text("".join([first, *kept[:place], section, *kept[place:]]))


def _with_rows(table: str, result: Result, number: int) -> str:
    lines = [line for line in table.splitlines() if not line.startswith(f"| {result.goal} |")]
    further = [at for at, line in enumerate(lines) if _number(line) > number]
    place = further[0] if further else max(at for at, line in enumerate(lines) if line.startswith("|")) + 1
    rows = [f"| {' | '.join(row)} |" for row in _checks(result)]
    return "\n".join([*lines[:place], *rows, *lines[place:]]) + "\n"


def _number(part: str) -> int:
    """Of the goal whose section or row that is; 0: of none, and before all; beyond all what people wrote."""
    if found := re.match(r"(?:## |\| )S(\d+)[: ]", part):
        return int(found[1])
    return 1_000 if part.startswith("## ") and not part.startswith("## Goals") else 0


def _summary(results: Sequence[Result]) -> str:
    rows = [row for result in results for row in _checks(result)]
    return f"## Goals\n\n{_markdown(['', 'goal', 'measured', ''], rows)}\n"


def _checks(result: Result) -> list[list[str]]:
    return [[result.goal, one.wanted, one.measured, _verdict(one.is_met)] for one in result.checks]


def _section(result: Result) -> str:
    parts = [f"## {result.goal}: {result.title}", result.words]
    charts = [result.chart, *result.further_charts] if result.chart is not None else []
    for number, drawn in enumerate(charts, 1):
        path = CHARTS / f"{result.goal.lower()}{'' if number == 1 else f'-{number}'}.svg"
        path.write_text(chart.svg(drawn))
        parts.append(f"![{drawn.title}]({CHARTS.name}/{path.name})")
    return "\n\n".join([*parts, _markdown(result.header, result.rows), *result.notes]) + "\n"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "**not met**"
