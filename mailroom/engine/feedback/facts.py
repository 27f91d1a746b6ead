"""Facts: reports as the ledger keeps them, whatever a stranger wrote into them."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256

from mailroom.database.clock import to_millis
from mailroom.feedback.report import MOST_RAW_OCTETS, Report
from mailroom.ledger.feedback.reports import Fact
from mailroom.smtp.reply import MAX_TEXT, UNSAFE_IN_REPLY

LONGEST_KEY, LONGEST_WAY, LONGEST_ADDRESS, LONGEST_REPORTER = 64, 20, 320, 255
LONGEST_NAMED = 10_000

_BEGINS_WITH_CODE = re.compile(r"(?:smtp;\s*)?([245]\d\d)(?:[ -]|$)", re.IGNORECASE | re.ASCII)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)


def key_of(report: Report) -> str:
    """As it was given, if the ledger can keep it."""
    fits = report.key.isascii() and report.key.isprintable() and 0 < len(report.key) <= LONGEST_KEY
    return report.key if fits else sha256(report.key.encode("utf-8", "replace")).hexdigest()


def readable(report: Report) -> Report:
    """What it may be matched by, as any database takes it."""
    return replace(
        report,
        token=plain(report.token, LONGEST_NAMED),
        message_id=plain(report.message_id, LONGEST_NAMED),
        address=plain(report.address, LONGEST_ADDRESS),
    )


def in_ascii(report: Report) -> Report:
    """With no letters but those that every database can keep."""
    named = ("way", "message_id", "address", "words", "reporter")
    return replace(
        report,
        **{name: getattr(report, name).encode("ascii", "replace").decode("ascii") for name in named},
    )


def fact_of(report: Report, unmatched: str) -> Fact:
    """Of no delivery yet."""
    code, words = _apart(plain(report.words, MAX_TEXT))
    code = report.code or code
    return Fact(
        key=key_of(report),
        kind=report.kind.value,
        way=plain(report.way, LONGEST_WAY),
        delivery_id=None,
        mailing_id=None,
        address=plain(report.address, LONGEST_ADDRESS),
        at=to_millis(report.at) if report.at is not None and report.at.tzinfo is not None else None,
        code=code if code is not None and 200 <= code < 600 else None,
        status=report.status if _STATUS.fullmatch(report.status) else "",
        words=words,
        reporter=plain(report.reporter, LONGEST_REPORTER),
        is_transient=report.is_transient,
        raw=report.raw[:MOST_RAW_OCTETS],
        unmatched=unmatched,
    )


def _apart(words: str) -> tuple[int | None, str]:
    """The code that a reply begins with, and the rest of it: they are kept beside each other."""
    found = _BEGINS_WITH_CODE.match(words)
    return (int(found[1]), words[found.end() :]) if found else (None, words)


def plain(text: str, most: int) -> str:
    """Safe to keep and to show: no control characters, none that turns text round, no half ones."""
    text = text[: 4 * most].encode("utf-8", "replace").decode("utf-8")
    return UNSAFE_IN_REPLY.sub(" ", text).strip()[:most]
