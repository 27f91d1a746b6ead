"""Kinds of findings: what preflight looks for, in the words of API and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

ROWS_NAMED = 100
"""Rows of a finding that are named; its count is of all of them."""


class Kind(StrEnum):
    """In the order in which they are told: what refuses a mailing or somebody's mail comes first."""

    UNKNOWN_VARIABLE = "unknown_variable"
    TEMPLATE_ERROR = "template_error"
    EMPTY_VALUE = "empty_value"
    BAD_ADDRESS = "bad_address"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"
    TOO_LARGE = "too_large"
    TEST_SUBJECT = "test_subject"
    ATTACHMENT_MISSING = "attachment_missing"
    NO_UNSUBSCRIBE_LINK = "no_unsubscribe_link"
    HTTP_LINK = "http_link"
    IMAGE_WITHOUT_ALT = "image_without_alt"
    UNUSED_PICTURE = "unused_picture"
    NO_TEXT = "no_text"
    SENDER_DOMAIN = "sender_domain"


KINDS_IN_ORDER = list(Kind)

LEAVES_OUT = {Kind.BAD_ADDRESS, Kind.DUPLICATE, Kind.SUPPRESSED}
"""Whoever is among these gets no mail."""


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """What is odd: a sentence, for how many recipients, and the first of their rows (from 1)."""

    kind: Kind
    message: str
    count: int
    rows: Sequence[int]


def people(number: int) -> str:
    return f"{number:,} recipient{'' if number == 1 else 's'}"
