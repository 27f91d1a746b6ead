"""The table of what the drills found: on the terminal, and in docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.drills.stage import Stage
from tests.invariants import account

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- written by make drill -->\n", "<!-- end -->\n"
LAYOUT = "{:>4}  {:<58}  {:<8}  {:>6}  {:>5}  {:>4}  {:>9}  {:>6}  {}"


@dataclass
class Row:
    name: str
    fault: str
    database: str
    mails: int = 0
    kills: int = 0
    lost: int = 0
    extra: int = 0
    extra_at_most: int = 0
    seconds: float = 0.0
    trouble: str = ""

    def learn(self, stage: Stage) -> None:
        """Counts once more, also when the drill broke off."""
        found = account(stage.system.database, stage.system.sink.messages())
        self.mails, self.kills = stage.accepted, stage.kills
        self.fault += f": {stage.how}" if stage.how else ""
        self.lost, self.extra, self.extra_at_most = found.lost, found.extra, stage.extra_at_most

    @property
    def verdict(self) -> str:
        return "RED" if self.trouble else "held"

    @property
    def cells(self) -> tuple[str, ...]:
        extra = f"{self.extra} of {self.extra_at_most}" if self.extra_at_most else str(self.extra)
        numbers = (f"{self.mails:,}", str(self.kills), str(self.lost), extra, f"{self.seconds:.0f} s")
        return (self.name, self.fault, self.database, *numbers, self.verdict)


HEAD = ("", "fault", "database", "mails", "kills", "lost", "extra", "took", "verdict")


def print_head() -> None:
    print(LAYOUT.format(*HEAD), flush=True)


def print_row(row: Row) -> None:
    print(LAYOUT.format(*row.cells), flush=True)
    if row.trouble:
        print("      " + row.trouble.replace("\n", "\n      "), flush=True)


@dataclass(frozen=True)
class Table:
    """One run of all drills, in their order."""

    rows: Sequence[Row]
    seconds: float

    def total(self, column: str) -> int:
        return sum(getattr(row, column) for row in self.rows)

    @property
    def is_red(self) -> bool:
        return any(row.trouble for row in self.rows)

    @property
    def summary(self) -> str:
        held = sum(not row.trouble for row in self.rows)
        return (
            f"{held} of {len(self.rows)} held, in {_minutes(self.seconds)}: {self.total('mails'):,} mails, "
            f"{self.total('kills')} kills, {self.total('lost')} lost, {self.total('extra'):,} came twice."
        )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def markdown(tables: Sequence[Table]) -> str:
    """Every drill of the last full run, for the documentation; what was before it, in a sentence."""
    last = tables[-1]
    lines = [
        f"The last full run, {datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {_minutes(last.seconds)}, {last.total('mails'):,} mails, "
        f"{last.total('kills')} kills, **{last.total('lost')} lost**, {last.total('extra'):,} came twice, "
        "where I3 allows it.",
        *(_in_a_row(tables) if len(tables) > 1 else []),
        "",
        "| " + " | ".join(("no.", *HEAD[1:])) + " |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    lines += ["| " + " | ".join(row.cells) + " |" for row in last.rows]
    return "\n".join(lines) + "\n"


def _in_a_row(tables: Sequence[Table]) -> list[str]:
    mails, kills, lost = (sum(table.total(one) for table in tables) for one in ("mails", "kills", "lost"))
    return [f"It was the last of {len(tables)} in a row: {mails:,} mails, {kills} kills, **{lost} lost**."]


def write(tables: Sequence[Table]) -> None:
    """Puts the table into its place on the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(tables)}\n{END}{rest.partition(END)[2]}")
