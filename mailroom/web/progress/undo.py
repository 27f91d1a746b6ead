"""Undo: until a mailing begins, all of it can be taken back."""

from __future__ import annotations

from datetime import datetime

from mailroom.engine.accept.submission import LONGEST_UNDO
from mailroom.ledger.mailings.mailings import Mailing


def seconds_left(mailing: Mailing, now: datetime) -> int | None:
    """Until it begins; None when it has begun, or begins so late that nobody counts seconds."""
    if mailing.starts_at is None or mailing.started_at is not None:
        return None
    left = (mailing.starts_at - now).total_seconds()
    return max(0, round(left)) if left <= LONGEST_UNDO else None


def is_taken_back(mailing: Mailing) -> bool:
    """Whether it was canceled before anybody was mailed."""
    return mailing.started_at is None
