"""Results of one mailing: all that its report counts, read in one transaction and in bounded time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Connection

from mailroom.database.clock import to_millis
from mailroom.database.time_limit import time_limit
from mailroom.engine.results.course import CameBack, CourseStep, course_of, returns_of
from mailroom.engine.results.domains import DomainsTold, told_by_domain
from mailroom.engine.results.reasons import STATES_WITH_REASONS, ReasonsTold, told_by_reason
from mailroom.ledger.deliveries import results
from mailroom.ledger.mailings.mailings import Mailing

RESULTS_SECONDS = 30
"""A statement that takes longer is given up: half a million deliveries take some three seconds in all."""


@dataclass(frozen=True, slots=True)
class Results:
    """`began`: milliseconds; what `course` and `returns` count from. `first_at`, `last_at`: when the relay
    took the first mail and the last, whatever became of it.
    """

    began: int
    first_at: int | None
    last_at: int | None
    domains: DomainsTold
    reasons: ReasonsTold
    course: list[CourseStep]
    returns: list[CameBack]


def results_of(connection: Connection, mailing: Mailing) -> Results:
    """Raises TookTooLong."""
    began = to_millis(mailing.started_at or mailing.created_at)
    with time_limit(connection, RESULTS_SECONDS):
        domains = told_by_domain(results.by_domain(connection, mailing.id))
        states = [state for state in STATES_WITH_REASONS if mailing.counts.get(state)]
        said = chain.from_iterable(results.said(connection, mailing.id, state) for state in states)
        reasons = told_by_reason(said)
        moments = results.moments(connection, mailing.id, began)
        taken = results.taken_back(connection, mailing.id, began)
        complaints = results.complaints(connection, mailing.id, began)
    handed_over = [began + one.after_ms for one in taken]
    handed_over += [at for at in (domains.first_at, domains.last_at) if at is not None]
    return Results(
        began,
        min(handed_over, default=None),
        max(handed_over, default=None),
        domains,
        reasons,
        course_of(moments, taken),
        returns_of(moments, complaints),
    )
