"""Results as tables for the terminal, and as docs/performance.md with its charts."""

from __future__ import annotations

from collections.abc import Sequence
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


def _summary(results: Sequence[Result]) -> str:
    rows = [
        [result.goal, check.wanted, check.measured, _verdict(check.is_met)]
        for result in results
        for check in result.checks
    ]
    return f"## Goals\n\n{_markdown(['', 'goal', 'measured', ''], rows)}\n"


def _section(result: Result) -> str:
    parts = [f"## {result.goal}: {result.title}", result.words]
    if result.chart is not None:
        path = CHARTS / f"{result.goal.lower()}.svg"
        path.write_text(chart.svg(result.chart))
        parts.append(f"![{result.chart.title}]({CHARTS.name}/{path.name})")
    return "\n\n".join([*parts, _markdown(result.header, result.rows), *result.notes]) + "\n"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "**not met**"
