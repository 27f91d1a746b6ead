"""Admission: how many may be connected, who has to go when they are too many, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from mailroom.front.crowd import Crowd
from mailroom.front.limits import FrontLimits as CrowdLimits
from mailroom.submission.limits import SubmissionLimits

log = structlog.get_logger()

DOOR_EVENTS_TOLD_EVERY = 10.0
"""Seconds between two lines about events of one kind: whoever makes a thousand writes no thousand lines."""

MINUTE = 60.0
MOST_ADDRESSES_GUESSING = 10_000


class Door:
    """Strangers and clients who signed in are two crowds: neither pushes out the other."""

    def __init__(self, limits: SubmissionLimits) -> None:
        self.limits = limits
        self.strangers = Crowd(CrowdLimits(connections=limits.strangers))
        self.clients = Crowd(CrowdLimits(connections=limits.clients))
        self.guesses = Guesses(limits)
        self._told: dict[str, tuple[float, int]] = {}

    def tell(self, event: str, **about: object) -> None:
        """Logs it, or counts it when one of its kind was logged just now."""
        now = time.monotonic()
        told_at, untold = self._told.get(event, (now - DOOR_EVENTS_TOLD_EVERY, 0))
        if now - told_at < DOOR_EVENTS_TOLD_EVERY:
            self._told[event] = told_at, untold + 1
            return
        self._told[event] = now, 0
        log.info(event, **about, **({"and_before": untold} if untold else {}))

    def of_a_loop(self, loop: object, context: dict[str, Any]) -> None:
        """For asyncio's event loop: what clients do to their connections is not worth a traceback."""
        error = context.get("exception")
        if isinstance(error, OSError) and "accept" in str(context.get("message")):
            self.tell("no more connections can be accepted", reason=error.strerror)
            self.strangers.shed()
        elif not is_theirs(error):
            self.tell("a connection failed", reason=context.get("message"), at=_place(error))


class Guesses:
    """Wrong keys by address, within a minute."""

    def __init__(self, limits: SubmissionLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._wrong: dict[str, int] = {}
        self._since = clock()

    def wrong(self, address: str) -> float:
        """Counts one; the seconds by which its answer should come late."""
        if self._clock() - self._since > MINUTE or len(self._wrong) > MOST_ADDRESSES_GUESSING:
            self._wrong, self._since = {}, self._clock()
        count = self._wrong[address] = self._wrong.get(address, 0) + 1
        return min(self._limits.late_seconds, max(0.0, float(count - self._limits.free_guesses)))


def is_theirs(error: object) -> bool:
    """Whether it is what a client, or the network between, did to its connection."""
    cause = getattr(error, "__cause__", None)
    return isinstance(error, OSError | EOFError) or isinstance(cause, OSError | EOFError)


def _place(error: object) -> str:
    trace = getattr(error, "__traceback__", None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
