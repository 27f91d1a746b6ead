"""Kill points: web processes that die by kill -9 at a stage of an acceptance, once for each trap that is set.

`arm` is for gunicorn's configuration; `set_trap` then ends the next process that comes to that stage.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mailroom.engine.accept import acceptance, thresholds, write
from mailroom.engine.accept.early_jobs import EarlyJobs
from mailroom.ledger.batches.batches import Gathered
from mailroom.ledger.mailings import staging

LARGE = ("received", "begun", "half of it staged", "all of it staged", "before the last commit")
"""Stages at which nothing was accepted yet, of a mailing that is written in parts."""

SMALL = ("before the only commit",)
EARLY = ("its job has left",)
"""The same, where a job leaves before the commit: on SQLite."""

DONE = ("committed", "enqueued")
"""Stages at which it was."""

TRAP = "die-at"


def set_trap(folder: Path, stage: str) -> None:
    (folder / TRAP).write_text(stage)


def is_set(folder: Path) -> bool:
    return (folder / TRAP).exists()


def arm(folder: str, lease_ms: int, part: int) -> None:
    """Puts the kill points where they belong; `part`: recipients that are staged at once."""
    staging.STAGING_LEASE_MS, thresholds.STAGED_AT_ONCE = lease_ms, part
    trap, parts = Path(folder) / TRAP, list[int]()

    def die_at(stage: str) -> None:
        if trap.exists() and trap.read_text() == stage:
            trap.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def half_way() -> None:
        parts.append(1)
        if len(parts) >= 3:
            die_at("half of it staged")

    _around(acceptance, "_write", before=lambda: die_at("received"))
    _around(write, "_add_in_parts", before=lambda: die_at("begun"), after=lambda: die_at("all of it staged"))
    _around(write, "_add_some", before=half_way)
    _around(write, "_activate", after=lambda: die_at("before the last commit"))
    _around(write, "_write_one_batch", after=lambda: die_at("before the only commit"))
    _around(EarlyJobs, "onto", before=lambda: die_at("committed"), after=lambda: die_at("enqueued"))
    _as_if_not_the_first(lambda: die_at(*EARLY))


def _nothing() -> None: ...


def _around(
    module: Any, name: str, *, before: Callable[[], None] = _nothing, after: Callable[[], None] = _nothing
) -> None:
    real = getattr(module, name)

    def watched(*given: Any, **named: Any) -> Any:
        before()
        result = real(*given, **named)
        after()
        return result

    setattr(module, name, watched)


def _as_if_not_the_first(has_left: Callable[[], None]) -> None:
    """A job leaves early once its process has enqueued something."""
    real = EarlyJobs.send

    def send(jobs: EarlyJobs, gathered: Sequence[Gathered]) -> None:
        jobs.get_ready()
        real(jobs, gathered)
        if jobs.has_left:
            has_left()

    EarlyJobs.send = send  # type: ignore[assignment,method-assign]
