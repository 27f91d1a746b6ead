"""A check on disk, beside its form: its people, how far it is, what was found. Swept away with the form.

TOKEN.people   the columns in a line of JSON, then one for each recipient: row, address, name, values
TOKEN.places   where each line begins (8 octets)
TOKEN.status   how far it is, and the report
"""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from mailroom import files
from mailroom.content.content import Content
from mailroom.content.recipients.parsed import Recipient
from mailroom.engine.preflight.plan import PreflightPlan
from mailroom.web.compose.uploads import Upload

BROKEN_OFF_AFTER = 90.0
"""Seconds without a word: the process that was at it is gone."""

PLACE_OCTETS = 8


@dataclass(slots=True)
class CheckStatus:
    """`report`: as the API answers it; None while it is made, or where `trouble` says why there is none."""

    total: int
    purpose: str
    columns: Sequence[str] = ()
    built: int = 0
    told_at: float = field(default_factory=time.time)
    report: dict[str, Any] | None = None
    refuses: bool = False
    trouble: str = ""
    said: str = ""  # digest of the letter, which a template may change meanwhile

    @property
    def is_under_way(self) -> bool:
        return self.report is None and not self.trouble and not self.is_broken_off

    @property
    def is_broken_off(self) -> bool:
        silent = time.time() - self.told_at > BROKEN_OFF_AFTER
        return self.report is None and not self.trouble and silent

    @property
    def percent(self) -> int:
        return self.built * 100 // self.total if self.total else 100


class Person(NamedTuple):
    """One of the list: `place` from 0 among those who can be mailed, `row` from 1 among all entries."""

    place: int
    row: int
    recipient: Recipient


class KeptCheck:
    """All that is kept of one check."""

    def __init__(self, form: Upload) -> None:
        self.form = form
        self.token = form.token

    def begin(self, plan: PreflightPlan) -> CheckStatus:
        """Writes down whom it is about."""
        places, columns = array("Q"), list(plan.columns)
        with self._created("people").open("wb") as target:
            at = target.write(_line(columns))
            for row, one in zip(plan.rows, plan.recipients, strict=True):
                places.append(at)
                values = [one.variables.get(name) for name in columns] if one.variables else []
                at += target.write(_line([row, one.address, one.name, values]))
        self._created("places").write_bytes(places.tobytes())
        status = CheckStatus(
            len(plan.recipients), plan.content.purpose, columns, said=digest_of(plan.content)
        )
        self.tell(status)
        return status

    def tell(self, status: CheckStatus) -> None:
        """Whoever reads meanwhile finds the old or the new one, whole."""
        status.told_at = time.time()
        new = self._created("status.new")
        new.write_text(json.dumps(asdict(status)), encoding="utf-8")
        new.replace(self._path("status"))

    def status(self) -> CheckStatus | None:
        try:
            return CheckStatus(**json.loads(self._path("status").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def person(self, place: int) -> Person | None:
        try:
            with self._path("places").open("rb") as places, self._path("people").open("rb") as people:
                if not 0 <= place < os.fstat(places.fileno()).st_size // PLACE_OCTETS:
                    return None
                places.seek(place * PLACE_OCTETS)
                columns = json.loads(people.readline())
                people.seek(array("Q", places.read(PLACE_OCTETS))[0])
                return _person(place, columns, people.readline())
        except FileNotFoundError:
            return None

    def find(self, words: str) -> Person | None:
        """By row, or the first whose address or name contains these words."""
        wanted = words.strip().lower()
        if not wanted or not self._path("people").exists():
            return None
        with self._path("people").open("rb") as people:
            columns = json.loads(people.readline())
            for place, line in enumerate(people):
                if wanted.isdecimal():
                    if line.startswith(b"[%s," % wanted.lstrip("0").encode()):
                        return _person(place, columns, line)
                    continue
                found = _person(place, columns, line)
                if wanted in found.recipient.address.lower() or wanted in found.recipient.name.lower():
                    return found
        return None

    def _created(self, name: str) -> Path:
        path = self._path(name)
        path.unlink(missing_ok=True)
        files.create(path)
        return path

    def _path(self, name: str) -> Path:
        return self.form.path.with_name(f"{self.token}.{name}")


def digest_of(content: Content) -> str:
    """The same for a letter that says the same."""
    said = (content.sender, content.reply_to, content.subject, content.text, content.html)
    return sha256(repr(said).encode("utf-8", "replace")).hexdigest()


def _line(value: Sequence[Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _person(place: int, columns: Sequence[str], line: bytes) -> Person:
    row, address, name, values = json.loads(line)
    # Once for all, and not beside each value: headings may be longer than what stands below them.
    known = {column: value for column, value in zip(columns, values, strict=False) if value is not None}
    return Person(place, row, Recipient(address, name, known))
