"""Consent as somebody states it: in columns of a file, in a form, in the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from mailroom.content.merge.plain import Value, text_of
from mailroom.content.text.characters import misplaced_in_lines

CONSENT_COLUMNS = ("consent", "consent_at", "consent_how", "consent_evidence")
"""Columns of a file that are no variables. The first says given or withdrawn."""

LONGEST_HOW, LONGEST_EVIDENCE = 200, 2_000
"""Characters."""

_GIVEN = {"given", "yes", "true", "1", "ja", "oui", "sí", "si", "x"}
_WITHDRAWN = {"withdrawn", "no", "false", "0", "nein", "non"}


class ConsentUnreadable(ValueError):
    """What was stated cannot be understood; `str()` is a sentence."""


class StatedConsent(NamedTuple):
    """`at` is None where nobody said when."""

    given: bool = True
    at: datetime | None = None
    how: str = ""
    evidence: str = ""


def stated_in(values: Mapping[str, Value]) -> StatedConsent | None:
    """What a row's columns say; None: nothing. Raises ConsentUnreadable."""
    word, at, how, evidence = (text_of(values.get(name, "")).strip() for name in CONSENT_COLUMNS)
    return stated(word, at, how, evidence)


def stated(word: str, at: str, how: str, evidence: str) -> StatedConsent | None:
    """The same of four texts. A word that is neither yes nor no says how it was given."""
    if not (word or at or how or evidence):
        return None
    if reason := misplaced_in_lines(f"{word}\n{how}\n{evidence}"):
        raise ConsentUnreadable(f"How it was given, or its evidence, {reason}.")
    small = word.lower()
    if word and small not in _GIVEN | _WITHDRAWN:
        how = how or word
    return StatedConsent(
        small not in _WITHDRAWN, moment_of(at) if at else None, how[:LONGEST_HOW], evidence[:LONGEST_EVIDENCE]
    )


def moment_of(text: str) -> datetime:
    """A time of ISO 8601, in UTC unless it says otherwise; one to come is now. Raises ConsentUnreadable."""
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConsentUnreadable(f"“{text[:40]}” is no time: write it like 2026-12-31.") from None
    return min(moment, datetime.now(UTC))
