"""What a drill is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.drills.stage import Stage


@dataclass(frozen=True, slots=True)
class Drill:
    """`without`: the line of the engine that, taken away, turns this drill red. `missing`: what this machine
    lacks for it, in a sentence; "": nothing.
    """

    name: str  # the fault's number in docs/reliability.md, and a letter where it has several forms
    fault: str
    without: str
    run: Callable[[Stage], None]
    ledgers: tuple[str, ...]  # of ledgers.KINDS
    missing: Callable[[], str] = str

    @property
    def order(self) -> tuple[int, str]:
        number = self.name.rstrip("abcdefgh")
        return int(number), self.name


DRILLS: list[Drill] = []

BOTH = ("sqlite", "postgres")
POOLED_TOO = (*BOTH, "pgbouncer")


def drill(
    name: str,
    fault: str,
    *,
    without: str,
    ledgers: tuple[str, ...] = BOTH,
    missing: Callable[[], str] = str,
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Makes a function on a stage one of the drills."""

    def listed(run: Callable[[Stage], None]) -> Callable[[Stage], None]:
        DRILLS.append(Drill(name, fault, without, run, ledgers, missing))
        return run

    return listed
