"""A finding as a page shows it: how grave it is, which rows are named, and whether their mail can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailroom.content.preflight.kinds import LEAVES_OUT, Kind
from mailroom.web.checking.kept_check import CheckStatus

ROWS_SHOWN_FIRST = 20

STOPS = {Kind.UNKNOWN_VARIABLE, Kind.TEMPLATE_ERROR}
"""What Send refuses, or nobody would get."""


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """`rows`: none for what concerns everybody."""

    message: str
    is_grave: bool
    rows: Sequence[int]
    more: int
    has_mail: bool


def shown_findings(status: CheckStatus) -> list[ShownFinding]:
    found = status.report["findings"] if status.report else []
    return [_shown(one["message"], Kind(one["kind"]), one["count"], one["rows"], status) for one in found]


def _mailable(status: CheckStatus) -> int:
    """Whose messages were built: those that cannot be filled among them."""
    found = status.report["findings"] if status.report else []
    return status.total - sum(int(one["count"]) for one in found if one["kind"] == Kind.SUPPRESSED)


def _shown(message: str, kind: Kind, number: int, rows: Sequence[int], status: CheckStatus) -> ShownFinding:
    is_of_some = kind in LEAVES_OUT or number < _mailable(status)
    named = rows[:ROWS_SHOWN_FIRST] if is_of_some else ()
    return ShownFinding(
        message, kind in STOPS, named, number - len(named) if named else 0, kind not in LEAVES_OUT
    )
