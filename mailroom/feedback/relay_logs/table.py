"""CSV of any relay's record: columns Message-ID, time and status, and where there are any recipient, words
and queue id; by their names, in any order. A row is a line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence

from mailroom.feedback.relay_logs.clock import LogClock
from mailroom.feedback.relay_logs.lines import Unreadable
from mailroom.feedback.relay_logs.trace import Said, Trace

NAMES = {
    "message_id": ("messageid",),
    "at": ("time", "timestamp", "date", "datetime", "at"),
    "status": ("status",),
    "recipient": ("recipient", "to", "address", "email"),
    "words": ("words", "reply", "response", "reason"),
    "queue_id": ("queueid", "id"),
}
NEEDED = ("message_id", "at", "status")
_SAID = {
    "accepted": Said.ACCEPTED,
    "queued": Said.ACCEPTED,
    "sent": Said.SENT,
    "delivered": Said.SENT,
    "deferred": Said.DEFERRED,
    "bounced": Said.BOUNCED,
}
_MESSAGE_ID = re.compile(r"<?([^<>\s]{1,990})>?")
_CODE = re.compile(r"([245]\d\d)[ -]")
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


class TableLog:
    """Reads it line by line, the names first. Raises Unreadable when they are not those."""

    def __init__(self, clock: LogClock) -> None:
        self._clock = clock
        self._columns: dict[str, int] = {}
        self._delimiter = ","

    def read(self, line: str) -> Iterable[Trace] | None:
        """None: it is no row, or its status is none of those that are known."""
        if not self._columns:
            self._read_names(line.lstrip("\ufeff"))
            return ()
        row = self._cells(line)
        said = _SAID.get(self._cell(row, "status").lower())
        name = _MESSAGE_ID.fullmatch(self._cell(row, "message_id"))
        if said is None or name is None:
            return self._names_again(line)
        recipient, words = self._cell(row, "recipient"), self._cell(row, "words")
        code, status = _CODE.match(words), _STATUS.search(words)
        trace = Trace(
            said,
            f"<{name[1]}>",
            recipients=(recipient,) if recipient else (),
            at=self._clock.moment(self._cell(row, "at")),
            queue_id=self._cell(row, "queue_id"),
            status=status[0] if status else "",
            code=int(code[1]) if code else None,
            words=words,
        )
        return (trace,)

    def rest(self) -> Iterable[Trace]:
        """Every row was whole."""
        return ()

    def _read_names(self, line: str) -> None:
        self._delimiter = max(",;\t", key=line.count)
        columns = self._columns_of(line)
        if missing := [name for name in NEEDED if name not in columns]:
            shown = ", ".join({"message_id": "Message-ID", "at": "time"}.get(name, name) for name in missing)
            raise Unreadable(f"its first line names no column {shown}")
        self._columns = columns

    def _columns_of(self, line: str) -> dict[str, int]:
        names = [re.sub(r"[^a-z]", "", cell.lower()) for cell in self._cells(line)]
        found = {
            wanted: [i for i, name in enumerate(names) if name in known] for wanted, known in NAMES.items()
        }
        return {wanted: places[0] for wanted, places in found.items() if places}

    def _names_again(self, line: str) -> Iterable[Trace] | None:
        """The first line of a further file, or no row."""
        columns = self._columns_of(line.lstrip("\ufeff"))
        if any(name not in columns for name in NEEDED):
            return None
        self._columns = columns
        return ()

    def _cells(self, line: str) -> Sequence[str]:
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            return []

    def _cell(self, row: Sequence[str], name: str) -> str:
        place = self._columns.get(name)
        return row[place].strip() if place is not None and place < len(row) else ""
