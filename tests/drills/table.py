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


def markdown(rows: Sequence[Row]) -> str:
    """Every drill of a full run, for the documentation."""
    mails, kills = sum(row.mails for row in rows), sum(row.kills for row in rows)
    lost, extra = sum(row.lost for row in rows), sum(row.extra for row in rows)
    took = sum(row.seconds for row in rows) / 60
    lines = [
        f"The last full run, {datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {took:.0f} minutes, {mails:,} mails, {kills} kills, "
        f"**{lost} lost**, {extra:,} came twice, where I3 allows it.",
        "",
        "| " + " | ".join(("no.", *HEAD[1:])) + " |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    lines += ["| " + " | ".join(row.cells) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write(rows: Sequence[Row]) -> None:
    """Puts the table into its place on the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(rows)}\n{END}{rest.partition(END)[2]}")
