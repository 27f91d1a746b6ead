"""Course: how many deliveries of a mailing were in which state at what time since it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from mailroom.ledger.deliveries.results import Moment
from mailroom.ledger.states import BOUNCED, SENT, State


class CourseStep(NamedTuple):
    """From that time on, so many were in each state. Who still waits is in none."""

    after_ms: int
    counts: Mapping[State, int]


class CameBack(NamedTuple):
    """Until that time, so many came back, and so many were called spam."""

    after_ms: int
    bounced: int
    complained: int


def course_of(moments: Iterable[Moment], taken: Iterable[Moment]) -> list[CourseStep]:
    """`taken`: when that was taken which came back later: until then it was sent."""
    changes: dict[int, Counter[State]] = {}
    left = 0
    for moment in taken:
        changes.setdefault(moment.after_ms, Counter())[SENT] += moment.number
        left += moment.number
    for moment in sorted(moments, key=lambda one: one.after_ms):
        change = changes.setdefault(moment.after_ms, Counter())
        change[moment.state] += moment.number
        if moment.state is BOUNCED:  # what came back while it was in doubt had never been sent
            was_sent = min(left, moment.number)
            change[SENT] -= was_sent
            left -= was_sent
    return list(_summed_up(changes))


def returns_of(moments: Iterable[Moment], complaints: Iterable[Moment]) -> list[CameBack]:
    bounced, complained = Counter[int](), Counter[int]()
    for moment in moments:
        if moment.state is BOUNCED:
            bounced[moment.after_ms] += moment.number
    for moment in complaints:
        complained[moment.after_ms] += moment.number
    found, so_far = list[CameBack](), [0, 0]
    for after_ms in sorted({*bounced, *complained}):
        so_far = [so_far[0] + bounced[after_ms], so_far[1] + complained[after_ms]]
        found.append(CameBack(after_ms, *so_far))
    return found


def _summed_up(changes: Mapping[int, Mapping[State, int]]) -> Iterator[CourseStep]:
    so_far = Counter[State]()
    for after_ms, change in sorted(changes.items()):
        for state, number in change.items():
            so_far[state] += number
        yield CourseStep(after_ms, {state: number for state, number in so_far.items() if number > 0})
