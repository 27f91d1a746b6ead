"""FeedbackRules of what comes back: when an address is suppressed, and when a mailing pauses itself."""

from __future__ import annotations

from typing import NamedTuple, Self

from mailroom.settings import Settings

BOUNCES_JUDGED_FROM = 50
"""Mails that were handed over: of fewer, a share says little."""

COMPLAINTS_JUDGED_FROM = 1_000


class FeedbackRules(NamedTuple):
    """`is_signed`: mail leaves with a signed return path. Shares are of a hundred; 0: never."""

    suppress_after: int = 3
    bounces_pause_at: float = 10
    complaints_pause_at: float = 0.3
    is_signed: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            settings.suppress_after,
            settings.bounces_pause_at,
            settings.complaints_pause_at,
            settings.bounce_address is not None,
        )

    def why_pause(self, handed_over: int, bounced: int, complained: int) -> str:
        """In a sentence without its full stop; "": it may go on."""
        if _is_over(bounced, handed_over, self.bounces_pause_at, BOUNCES_JUDGED_FROM):
            return _sentence(bounced, handed_over, "came back", self.bounces_pause_at)
        if _is_over(complained, handed_over, self.complaints_pause_at, COMPLAINTS_JUDGED_FROM):
            return _sentence(complained, handed_over, "were called spam", self.complaints_pause_at)
        return ""


DEFAULT_RULES = FeedbackRules()


def _is_over(number: int, of: int, share: float, judged_from: int) -> bool:
    return share > 0 and of >= judged_from and number * 100 > share * of


def _sentence(number: int, of: int, what: str, share: float) -> str:
    return f"{number:,} of {of:,} mails {what}, more than {share:g} %"
