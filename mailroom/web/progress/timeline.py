"""Timeline: which session sent which mail when, as geometry, one lane per SMTP session.

Pure arithmetic on what the ledger says; templates/mailings/timeline.html draws it. Places
are per cents of the width, so that one picture fits every screen without a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from mailroom.ledger.deliveries.timeline import Mark
from mailroom.ledger.states import GRAVEST_FIRST, State
from mailroom.web.layout.filters import duration
from mailroom.web.progress.timescale import Tick, Timescale

MOST_BLOCKS = 600
"""More mails than this are drawn as shares of time; single blocks would be thinner than a pixel."""

MOST_NUMBERED = 40
"""Up to so many mails, each block carries the number of its mail."""

MOST_LANES = 24

MOST_LABELLED = 10
"""Up to so many lanes, each has its name; more of them stand close together."""

LABEL, BAR, THIN_BAR, GAP = 16, 16, 8, 2
"""Heights in pixels."""

THINNEST = 0.15
"""Per cent of the width: what took no measurable time must still be seen."""


@dataclass(frozen=True, slots=True)
class Block:
    x: float
    width: float
    state: State
    share: float  # of the time busy, 0..1
    label: str
    number: int | None = None

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 3)


@dataclass(slots=True)
class TimelineLane:
    worker: str  # its letter
    session: int
    blocks: list[Block] = field(default_factory=list)
    mails: int = 0
    y: int = 0  # of its bar, in pixels
    label: str = ""  # above the bar; many lanes share one per worker


@dataclass(frozen=True, slots=True)
class Timeline:
    lanes: list[TimelineLane]
    ticks: list[Tick]
    breaks: list[Tick]  # idle stretches that were cut out
    workers: dict[str, str]  # letter -> the worker's own name
    hidden_lanes: int
    sampled: bool
    begun: int
    ended: int
    bar: int  # a lane's height in pixels
    height: int  # of all lanes

    @property
    def states(self) -> list[State]:
        present = {block.state for lane in self.lanes for block in lane.blocks}
        return [state for state in reversed(GRAVEST_FIRST) if state in present]

    @property
    def description(self) -> str:
        """The picture in words."""
        lanes = ", ".join(
            f"worker {lane.worker} session {lane.session}"
            + (f" sent mails {_numbers(lane)}" if _numbers(lane) else "")
            for lane in self.lanes[:8]
        )
        more = len(self.lanes) + self.hidden_lanes - 8
        return lanes + (f", and {more} more" if more > 0 else "")


def build(marks: Sequence[Mark], weight: float = 1.0) -> Timeline | None:
    """The timeline of `marks`; None when nothing was tried yet.

    `weight` is how many mails a mark stands for, when they are a sample.
    """
    if not marks:
        return None
    lanes, workers = _lanes(marks)
    shown = dict(list(lanes.items())[:MOST_LANES])
    scale = Timescale.over((mark.begun, mark.ended) for mark in marks)
    single = len(marks) <= MOST_BLOCKS and weight == 1.0
    # Of a sample, a slice must hold several mails: single ones would make it flicker.
    slices = max(20, min(MOST_BLOCKS, len(marks) // 6 if weight > 1 else MOST_BLOCKS) // len(shown))
    for lane, own in shown.values():
        lane.blocks = (
            _singles(own, scale, numbered=len(marks) <= MOST_NUMBERED)
            if single
            else _shares(own, scale, weight, slices=slices)
        )
        lane.mails = round(len(own) * weight)
    bar, height = _arrange([lane for lane, _ in shown.values()])
    return Timeline(
        lanes=[lane for lane, _ in shown.values()],
        ticks=scale.ticks(),
        breaks=scale.breaks(),
        workers=workers,
        hidden_lanes=len(lanes) - len(shown),
        sampled=weight > 1.0,
        begun=min(mark.begun for mark in marks),
        ended=max(mark.ended for mark in marks),
        bar=bar,
        height=height,
    )


def _arrange(lanes: Sequence[TimelineLane]) -> tuple[int, int]:
    """Gives each lane its place; returns a bar's height, and that of all together."""
    labelled = len(lanes) <= MOST_LABELLED
    bar, y, worker = BAR if labelled else THIN_BAR, 0, ""
    for lane in lanes:
        if labelled:
            lane.label = f"Worker {lane.worker}, session {lane.session}"
        elif lane.worker != worker:
            lane.label = f"Worker {lane.worker}"
        worker = lane.worker
        y += LABEL if lane.label else 0
        lane.y = y
        y += bar + (GAP * 3 if labelled else GAP)
    return bar, y


def _lanes(
    marks: Sequence[Mark],
) -> tuple[dict[tuple[str, int], tuple[TimelineLane, list[Mark]]], dict[str, str]]:
    letters: dict[str, str] = {}
    for mark in sorted(marks, key=lambda mark: mark.begun):
        letters.setdefault(mark.worker, _letter(len(letters)))
    lanes: dict[tuple[str, int], tuple[TimelineLane, list[Mark]]] = {}
    for mark in sorted(marks, key=lambda mark: (letters[mark.worker], mark.session, mark.begun)):
        key = (mark.worker, mark.session)
        if key not in lanes:
            lanes[key] = (TimelineLane(letters[mark.worker], mark.session), [])
        lanes[key][1].append(mark)
    return lanes, {letter: name for name, letter in letters.items()}


def _singles(marks: Iterable[Mark], scale: Timescale, *, numbered: bool) -> list[Block]:
    blocks = []
    for mark in marks:
        x, end = scale.place(mark.begun), scale.place(mark.ended)
        width = max(end - x, THINNEST)
        blocks.append(
            Block(
                x=round(min(x, 100 - width), 3),
                width=round(width, 3),
                state=mark.state,
                share=1.0,
                label=f"Mail {mark.number}: {mark.state}, {duration(mark.ended - mark.begun)}",
                number=mark.number if numbered else None,
            )
        )
    return blocks


def _shares(marks: Iterable[Mark], scale: Timescale, weight: float, slices: int) -> list[Block]:
    """One block per slice of the width in which the lane was busy, as opaque as it was busy.

    When mails with several outcomes share a block, the gravest of them colours it.
    """
    busy = [0.0] * slices
    mails = [0] * slices
    outcomes: list[set[State]] = [set() for _ in range(slices)]
    for mark in marks:
        first = min(int(scale.place(mark.begun) / 100 * slices), slices - 1)
        last = min(int(scale.place(mark.ended) / 100 * slices), slices - 1)
        mails[last] += 1
        for slice_ in range(first, last + 1):
            begin, end = scale.moment(slice_ / slices * 100), scale.moment((slice_ + 1) / slices * 100)
            # A mail faster than the clock's millisecond still kept its session busy for a part of it.
            overlap = max(min(end, mark.ended) - max(begin, mark.begun), 0.5)
            busy[slice_] += overlap * weight / max(end - begin, 1)
            outcomes[slice_].add(mark.state)
    return [
        Block(
            x=round(i / slices * 100, 3),
            width=round(100 / slices, 3),
            state=next(state for state in GRAVEST_FIRST if state in outcomes[i]),
            share=round(min(max(busy[i], 0.2), 1.0), 2),
            label=f"about {max(1, round(mails[i] * weight)):,} mails".replace("about 1 mails", "1 mail"),
        )
        for i in range(slices)
        if outcomes[i]
    ]


def _numbers(lane: TimelineLane) -> str:
    return ", ".join(str(block.number) for block in lane.blocks if block.number is not None)


def _letter(index: int) -> str:
    return ascii_uppercase[index] if index < 26 else f"{ascii_uppercase[index % 26]}{index // 26}"
