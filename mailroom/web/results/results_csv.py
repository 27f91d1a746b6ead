"""A report as CSV: a line for each thing that is told of, whatever kind it is, under one row of headings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mailroom.engine.results.domains import DomainFigures
from mailroom.web.csv_export import line
from mailroom.web.results.pictures import SETTLED_IN_ORDER, reason_code
from mailroom.web.results.told import TIMES_IN_FILE, Told

RESULTS_CSV_HEADER = (
    *("part", "name", "number", "share"),
    *(state.value for state in SETTLED_IN_ORDER),
    *("deferred", "complained", "tries", "most_tries", "median_ms", "p95_ms", "example"),
)
"""`part`: figure, reason, domain, slowest, time (states until then) or returned (until then)."""


def csv_lines(told: Told) -> Iterator[str]:
    yield line(RESULTS_CSV_HEADER)
    for row in _rows(told):
        yield line([_cell(row.get(name)) for name in RESULTS_CSV_HEADER])


def _rows(told: Told) -> Iterator[Mapping[str, Any]]:
    results = told.results
    yield from (
        {"part": "figure", "name": one.name, "number": one.number, "share": one.share} for one in told.figures
    )
    times = {"first_handed_over": told.first_at, "last_handed_over": told.last_at}
    for name, moment in times.items():
        yield {"part": "figure", "name": name, "example": "" if moment is None else _instant(moment)}
    took = results.domains.took
    if took is not None:
        yield {"part": "figure", "name": "time_taken", "median_ms": took.median_ms, "p95_ms": took.p95_ms}
    for reason in results.reasons.told:
        name = " ".join(filter(None, (reason_code(reason), reason.words)))
        counts = {state.value: number for state, number in reason.counts.items()}
        yield {"part": "reason", "name": name, "number": reason.number, "example": reason.example, **counts}
    if results.reasons.others:
        yield {"part": "reason", "name": "others", "number": results.reasons.others}
    yield from (_domain("domain", one, told) for one in results.domains.largest)
    yield from (_domain("slowest", one, told) for one in results.domains.slowest)
    for step in told.course(TIMES_IN_FILE):
        counts = {state.value: step.counts.get(state, 0) for state in told.course_states}
        yield {"part": "time", "name": _instant(told.at(step.after_ms)), **counts}
    for one in told.returns(TIMES_IN_FILE):
        at = _instant(told.at(one.after_ms))
        yield {"part": "returned", "name": at, "bounced": one.bounced, "complained": one.complained}


def _domain(part: str, one: DomainFigures, told: Told) -> Mapping[str, Any]:
    spread = {} if one.took is None else one.took._asdict()
    return {
        "part": part,
        "name": one.domain,
        "number": one.total,
        "share": one.total / told.mailing.total,
        **{state.value: one.counts.get(state, 0) for state in SETTLED_IN_ORDER},
        "deferred": one.deferred,
        "tries": one.tries,
        "most_tries": one.most_tries,
        **spread,
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
