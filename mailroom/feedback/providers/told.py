"""Told: what a reader makes of one event of a provider, out of JSON that may be anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from mailroom.feedback.providers.post import PostRefused
from mailroom.feedback.report import MOST_RAW_OCTETS, Report, ReportKind

MOST_EVENTS = 5_000
"""In one post; SendGrid's have some 2,500."""

LONGEST_EVENT_TEXT = 320
LONGEST_TOLD = 1_000

_REPLY = re.compile(r"(?:^|[\s;:(\"'])([45][0-9]{2})(?=[\s-]|$)")
_STATUS = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_OWN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{7,199}")


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """A report; `own_id`: the provider's own name of the mail, as the relay's 250 may have told it, or "".

    `is_unsubscription`: no report of what became of the mail, but its recipient wants no more like it.
    """

    report: Report
    own_id: str = ""
    is_unsubscription: bool = False


def fields(value: Any) -> Mapping[str, Any]:
    """An object, empty for what is none."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any, most: int = LONGEST_EVENT_TEXT) -> str:
    """One line of `most` characters; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    shown = value if value.isprintable() else "".join(sign if sign.isprintable() else " " for sign in value)
    return shown.strip()[:most]


def events_of(value: Any) -> list[Mapping[str, Any]]:
    """One event, or a list of them. Raises PostRefused."""
    found = value if isinstance(value, list) else [value]
    if len(found) > MOST_EVENTS:
        raise PostRefused(f"It has more than {MOST_EVENTS:,} events.")
    if not all(isinstance(event, dict) for event in found):
        raise PostRefused("It is not made of events.")
    return found


def told(
    kind: ReportKind,
    way: str,
    event: Mapping[str, Any],
    key: Iterable[object],
    *,
    message_id: str = "",
    own_id: str = "",
    address: str = "",
    words: str = "",
    status: str = "",
    code: int | None = None,
    at: datetime | None = None,
    reporter: str = "",
    is_transient: bool = False,
    is_policy: bool = False,
    is_unsubscription: bool = False,
) -> ToldEvent:
    """`key`: what makes this event this one, and the same when it is told again. `is_policy`: the mail was
    not wanted, by its provider or by the recipient's; whoever reads the words blames no address for it.

    Code and status are looked for in the words where the event has no field for them.
    """
    raw = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    reply = _REPLY.search(words)
    found = _STATUS.search(status) or _STATUS.search(words)
    report = Report(
        kind,
        way,
        sha256("\0".join((way, kind, *map(str, key))).encode("utf-8", "replace")).hexdigest(),
        message_id=bracketed(message_id),
        address=_bare(address),
        at=at,
        code=code if code is not None and 400 <= code <= 599 else int(reply[1]) if reply else None,
        status=found[1] if found else "",
        words=f"By policy, says {reporter}: {words}"[:LONGEST_TOLD] if is_policy else words,
        reporter=reporter,
        is_transient=is_transient,
        is_proven=True,
        raw=raw[:MOST_RAW_OCTETS],
    )
    return ToldEvent(report, own_id if _OWN_ID.fullmatch(own_id) else "", is_unsubscription)


def _bare(address: str) -> str:
    """Without the name before it."""
    return address.rpartition("<")[2].partition(">")[0].strip() if "<" in address else address


def bracketed(message_id: str) -> str:
    """With its angle brackets; "" stays so."""
    bare = message_id.strip("<> ")
    return f"<{bare}>" if bare else ""


def instant(value: Any) -> datetime | None:
    """Of ISO 8601; None for what is no moment."""
    try:
        at = datetime.fromisoformat(text(value, 40))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def since_epoch(value: Any, parts: int = 1) -> datetime | None:
    """Of seconds, or of such `parts` of one; None for what is no moment."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11 * parts:
        return None
    return datetime.fromtimestamp(value / parts, UTC)
