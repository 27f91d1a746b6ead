"""The pictures of a report, as geometry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from mailroom.engine.results.course import CameBack, CourseStep
from mailroom.engine.results.domains import DomainFigures
from mailroom.engine.results.reasons import FailureReason
from mailroom.ledger.states import IN_BAR, SETTLED_STATES, State
from mailroom.web.layout.filters import count, duration
from mailroom.web.progress.timescale import Timescale, words
from mailroom.web.results.drawing import DrawnArea, DrawnBar, DrawnLine, DrawnPicture, DrawnWords

FIELD, BELOW, ABOVE = 160, 22, 18
"""Heights in pixels: of what is drawn over time, of the times below it, of the figure above."""

ROW, BAR_HEIGHT, LABEL_AT = 38, 12, 14
"""Of a picture of bars, a row: its label above its bar."""

GRID = 0.4
"""Per cent of the width: what lies closer together is one point."""

BARS_DRAWN = 10
LONGEST_LABEL = 44

SETTLED_IN_ORDER = tuple(state for state in IN_BAR if state in SETTLED_STATES)

Timed = TypeVar("Timed", CourseStep, CameBack)


class BarRow(NamedTuple):
    """A row of bars: `parts` lie side by side, `mark` is a line across them."""

    label: str
    told: str
    parts: Sequence[tuple[str, str, float]]  # tone, word, how much
    mark: float | None = None


def course_picture(course: Sequence[CourseStep], total: int) -> DrawnPicture | None:
    """How many were in each state over time, one on another; all of it is as high as `total`."""
    if not course or not total:
        return None
    scale = scale_of(course, lambda step: sum(step.counts.values()))
    present = [state for state in SETTLED_IN_ORDER if any(step.counts.get(state) for step in course)]
    areas = [
        _area(state.tone, course, scale, partial(_up_to, present[: number + 1]), total)
        for number, state in reversed(list(enumerate(present)))
    ]
    last = course[-1]
    told = ", ".join(f"{last.counts.get(state, 0):,} {state}" for state in present)
    lines, times = _time_axis(scale)
    return DrawnPicture(
        name="course",
        title="States over time",
        description=f"Of {count(total, 'recipient')}, {words(last.after_ms)} after the beginning: {told}.",
        height=ABOVE + FIELD + BELOW,
        tones=[(state.tone, state.value) for state in present],
        top=ABOVE,
        bottom=ABOVE + FIELD,
        areas=areas,
        lines=lines,
        words=[DrawnWords(0, LABEL_AT - 2, count(total, "recipient")), *times],
    )


def returns_picture(returns: Sequence[CameBack]) -> DrawnPicture | None:
    """How many had come back, and how many were called spam, over time."""
    if not returns:
        return None
    last = returns[-1]
    most = last.bounced + last.complained
    scale = scale_of(returns, lambda one: one.bounced + one.complained)
    areas = [
        _area(State.FAILED.tone, returns, scale, lambda one: one.bounced + one.complained, most),
        _area(State.BOUNCED.tone, returns, scale, lambda one: one.bounced, most),
    ]
    lines, times = _time_axis(scale)
    return DrawnPicture(
        name="returns",
        title="What came back over time",
        description=f"{last.bounced:,} bounced and {last.complained:,} called spam, "
        f"{words(last.after_ms)} after the beginning.",
        height=ABOVE + FIELD + BELOW,
        tones=[(State.BOUNCED.tone, "bounced"), (State.FAILED.tone, "called spam")],
        top=ABOVE,
        bottom=ABOVE + FIELD,
        areas=areas,
        lines=lines,
        words=[DrawnWords(0, LABEL_AT - 2, f"{most:,} in all"), *times],
    )


def reasons_picture(reasons: Sequence[FailureReason]) -> DrawnPicture | None:
    rows = [
        BarRow(
            " ".join(filter(None, (reason_code(reason), reason.words))) or "no words",
            f"{reason.number:,}",
            _parts(reason.counts),
        )
        for reason in reasons[:BARS_DRAWN]
    ]
    return _bars("reasons", "Reasons", rows)


def domains_picture(domains: Sequence[DomainFigures]) -> DrawnPicture | None:
    rows = [
        BarRow(one.domain, f"{one.total:,}", _parts(one.counts)) for one in domains[:BARS_DRAWN] if one.total
    ]
    return _bars("domains", "Domains with most recipients", rows)


def slowest_picture(domains: Sequence[DomainFigures]) -> DrawnPicture | None:
    rows = [
        BarRow(
            one.domain,
            f"{duration(one.took.median_ms)}, 95 % in {duration(one.took.p95_ms)}",
            [(State.DEFERRED.tone, "95 % in", one.took.p95_ms)],
            mark=one.took.median_ms,
        )
        for one in domains[:BARS_DRAWN]
        if one.took is not None
    ]
    return _bars("slowest", "Slowest domains", rows, tell=duration)


def reason_code(reason: FailureReason) -> str:
    return " ".join(filter(None, (str(reason.code or ""), reason.status)))


def scale_of(events: Sequence[Timed], number: Callable[[Timed], int]) -> Timescale:
    """A time axis on which long waits are cut out: of those that are long beside what most mail took.

    `number`: how many had happened up to an event.
    """
    whole = number(events[-1])
    most = next((one.after_ms for one in events if number(one) * 5 >= whole * 4), events[-1].after_ms)
    longest = max(2_000, most // 4)
    spans: list[list[int]] = [[0, 0]]
    for one in events:
        if one.after_ms - spans[-1][1] > longest:
            spans.append([one.after_ms, one.after_ms])
        spans[-1][1] = max(spans[-1][1], one.after_ms)
    return Timescale.over((begin, max(end, begin + 1)) for begin, end in spans)


def at_even_places(events: Sequence[Timed], scale: Timescale, most: int) -> list[Timed]:
    """The last of all, and before it one of each of so many parts of the axis."""
    found: dict[int, Timed] = {}
    found |= {int(scale.place(one.after_ms) * most / 100.001): one for one in events[:-1]}
    kept: list[Timed] = list(islice(found.values(), most - 1))
    kept.append(events[-1])
    return kept


def _up_to(states: Sequence[State], step: CourseStep) -> int:
    return sum(step.counts.get(state, 0) for state in states)


def _parts(counts: Mapping[State, int]) -> list[tuple[str, str, float]]:
    waiting = sum(number for state, number in counts.items() if state not in IN_BAR)
    parts = [(state.tone, state.value, float(counts[state])) for state in IN_BAR if counts.get(state)]
    return [*parts, (State.QUEUED.tone, State.QUEUED.value, float(waiting))] if waiting else parts


def _area(
    tone: str, events: Sequence[Timed], scale: Timescale, number: Callable[[Timed], int], most: int
) -> DrawnArea:
    """Stairs, for nobody knows what was in between; no finer than GRID."""
    heights = {0.0: 0} | {round(scale.place(one.after_ms) / GRID) * GRID: number(one) for one in events}
    y = bottom = float(ABOVE + FIELD)
    points: list[tuple[float, float]] = [(0.0, bottom)]
    for x, value in heights.items():
        before, y = y, round(bottom - FIELD * min(value / most, 1.0), 1)
        points += [(round(x, 1), before), (round(x, 1), y)]
    return DrawnArea(tone, [*points, (100.0, y), (100.0, bottom)])


def _time_axis(scale: Timescale) -> tuple[list[DrawnLine], list[DrawnWords]]:
    bottom = ABOVE + FIELD
    lines = [DrawnLine("axis", 0, bottom, 100, bottom), DrawnLine("axis", 0, ABOVE, 100, ABOVE)]
    for cut in scale.breaks():
        lines.append(DrawnLine("cut", cut.x, ABOVE, cut.x, bottom, f"{cut.label} in which nothing changed"))
    times = [
        DrawnWords(tick.x, bottom + 16, "0" if first else f"+{tick.label}", "start" if first else "middle")
        for first, tick in ((place == 0, tick) for place, tick in enumerate(scale.ticks()))
    ]
    return lines, times


def _bars(
    name: str, title: str, rows: Sequence[BarRow], tell: Callable[[float], str] = "{:,.0f}".format
) -> DrawnPicture | None:
    most = max((sum(part[2] for part in row.parts) for row in rows), default=0)
    if not most:
        return None
    bars, lines, texts = [], [], []
    tones: dict[str, str] = {}
    for place, row in enumerate(rows):
        top, x = place * ROW, 0.0
        texts += [
            DrawnWords(0, top + LABEL_AT, _cut(row.label)),
            DrawnWords(100, top + LABEL_AT, row.told, "end"),
        ]
        for tone, word, much in row.parts:
            width = 100 * much / most
            bars.append(
                DrawnBar(
                    tone, round(x, 2), top + 19, round(max(width, 0.3), 2), BAR_HEIGHT, f"{word} {tell(much)}"
                )
            )
            tones.setdefault(tone, word)
            x += width
        if row.mark is not None:
            at = round(100 * row.mark / most, 2)
            lines.append(DrawnLine("mark", at, top + 17, at, top + 33, f"half of them in {tell(row.mark)}"))
    told = "; ".join(f"{row.label}: {row.told}" for row in rows)
    return DrawnPicture(
        name, title, f"{told}.", len(rows) * ROW, list(tones.items()), lines=lines, bars=bars, words=texts
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1].rstrip() + "…"
