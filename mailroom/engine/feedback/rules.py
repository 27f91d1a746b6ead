"""FeedbackRules of what comes back or fails: when an address is suppressed, and a mailing pauses itself."""

from __future__ import annotations

from typing import NamedTuple, Self

from mailroom.settings import Settings

BOUNCES_JUDGED_FROM = 50
"""Mails that were handed over: of fewer, a share says little."""

COMPLAINTS_JUDGED_FROM = 1_000

FAILURES_JUDGED_FROM = BOUNCES_JUDGED_FROM
"""Mails that the relay took or refused."""


class FeedbackRules(NamedTuple):
    """`is_signed`: mail leaves with a signed return path. Shares are of a hundred; 0: never."""

    suppress_after: int = 3
    bounces_pause_at: float = 10
    complaints_pause_at: float = 0.3
    is_signed: bool = False
    failures_pause_at: float = 30

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            settings.suppress_after,
            settings.bounces_pause_at,
            settings.complaints_pause_at,
            settings.bounce_address is not None,
            settings.failures_pause_at,
        )

    def why_pause(self, handed_over: int, bounced: int, complained: int, failed: int) -> str:
        """In a sentence without its full stop; "": it may go on."""
        if _is_over(bounced, handed_over, self.bounces_pause_at, BOUNCES_JUDGED_FROM):
            return _sentence(bounced, handed_over, "came back", self.bounces_pause_at)
        if _is_over(complained, handed_over, self.complaints_pause_at, COMPLAINTS_JUDGED_FROM):
            return _sentence(complained, handed_over, "were called spam", self.complaints_pause_at)
        if _is_over(failed, handed_over + failed, self.failures_pause_at, FAILURES_JUDGED_FROM):
            return _sentence(failed, handed_over + failed, "failed", self.failures_pause_at)
        return ""


DEFAULT_RULES = FeedbackRules()


def _is_over(number: int, of: int, share: float, judged_from: int) -> bool:
    return share > 0 and of >= judged_from and number * 100 > share * of


def _sentence(number: int, of: int, what: str, share: float) -> str:
    return f"{number:,} of {of:,} mails {what}, more than {share:g} %"
