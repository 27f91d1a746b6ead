"""All that a report tells, whoever asks: page, CSV, PDF, API and command say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from mailroom.database.clock import from_millis
from mailroom.engine.results.course import CameBack, CourseStep
from mailroom.engine.results.results import Results
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import SETTLED_STATES, State
from mailroom.web.progress.progress import MEASURABLE_MS, progress_of
from mailroom.web.results.drawing import DrawnPicture
from mailroom.web.results.pictures import (
    SETTLED_IN_ORDER,
    at_even_places,
    course_picture,
    domains_picture,
    reasons_picture,
    returns_picture,
    scale_of,
    slowest_picture,
)

TIMES_TOLD = 12
"""Rows of a table of times."""

TIMES_IN_FILE = 100
"""The same where nobody has to see all at once."""

STATES_OF_A_DOMAIN = (State.SENT, State.FAILED, State.BOUNCED)

OF_HANDED_OVER = (State.BOUNCED.value, "complained", "unsubscribed")
"""Figures that are a share of what the relay took; all others are of what was accepted."""


class ReportFigure(NamedTuple):
    """`share`: 0 to 1; None where there is nothing to be a share of. `sentence`: what it counts."""

    name: str
    number: int
    share: float | None
    sentence: str


@dataclass(frozen=True)
class Told:
    """`unsubscribed`: how many want no more since, by its links."""

    mailing: Mailing
    results: Results
    unsubscribed: int
    now: datetime

    @property
    def is_live(self) -> bool:
        """Whether its figures may still change by themselves, before long."""
        return progress_of(self.mailing, self.now).is_live

    @cached_property
    def figures(self) -> list[ReportFigure]:
        counts = self.mailing.counts
        settled = [(state.value, counts.get(state, 0), state.sentence) for state in SETTLED_IN_ORDER]
        waiting = sum(number for state, number in counts.items() if state not in SETTLED_STATES)
        told = [
            ("accepted", self.mailing.total, "All recipients of this mailing."),
            *settled,
            *([("waiting", waiting, "Has no outcome yet.")] if waiting else []),
            ("complained", self.mailing.complained, "Its recipient called it spam."),
            ("unsubscribed", self.unsubscribed, "Its recipient wants no more, and said so by its link."),
        ]
        return [
            ReportFigure(name, number, self._share(name, number), sentence) for name, number, sentence in told
        ]

    def _share(self, name: str, number: int) -> float | None:
        whole = self.mailing.handed_over if name in OF_HANDED_OVER else self.mailing.total
        return number / whole if whole else None

    @property
    def first_at(self) -> datetime | None:
        return None if self.results.first_at is None else from_millis(self.results.first_at)

    @property
    def last_at(self) -> datetime | None:
        return None if self.results.last_at is None else from_millis(self.results.last_at)

    @property
    def per_second(self) -> float | None:
        """Mails that the relay took, from the first to the last; None where that is too short to say."""
        if self.first_at is None or self.last_at is None:
            return None
        millis = (self.last_at - self.first_at) / timedelta(milliseconds=1)
        return self.mailing.handed_over / millis * 1000 if millis >= MEASURABLE_MS else None

    @cached_property
    def pictures(self) -> dict[str, DrawnPicture]:
        """By name; of what there is."""
        results = self.results
        drawn = (
            course_picture(results.course, self.mailing.total),
            reasons_picture(results.reasons.told),
            domains_picture(results.domains.largest),
            slowest_picture(results.domains.slowest),
            returns_picture(results.returns),
        )
        return {picture.name: picture for picture in drawn if picture is not None}

    @property
    def course_states(self) -> list[State]:
        """Those that occur."""
        return [
            state for state in SETTLED_IN_ORDER if any(step.counts.get(state) for step in self.results.course)
        ]

    def course(self, most: int = TIMES_TOLD) -> Sequence[CourseStep]:
        """At so many times, from the beginning to the last change."""
        steps = self.results.course
        if not steps:
            return []
        return at_even_places(steps, scale_of(steps, lambda step: sum(step.counts.values())), most)

    def returns(self, most: int = TIMES_TOLD) -> Sequence[CameBack]:
        found = self.results.returns
        if not found:
            return []
        return at_even_places(found, scale_of(found, lambda one: one.bounced + one.complained), most)

    def at(self, after_ms: int) -> datetime:
        return from_millis(self.results.began + after_ms)
