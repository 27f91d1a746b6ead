"""Parsed recipients: who is on a list, what was wrong there, what was there twice."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mailroom.content.addresses import Address
from mailroom.content.recipients.columns import Columns
from mailroom.content.recipients.first_lines import FirstLines
from mailroom.content.recipients.spool import Recipient as Recipient
from mailroom.content.recipients.spool import Recipients


def keys_of(recipients: Iterable[Recipient]) -> list[str]:
    """The key of each, in a fraction of the time."""
    return [recipient.address.lower() for recipient in recipients]


def each_once(**roles: Iterable[Address]) -> list[Recipient]:
    """Everybody of a shared message (to, cc, bcc), in the first role that they are given."""
    found: dict[str, Recipient] = {}
    for role, addresses in roles.items():
        for address in addresses:
            found.setdefault(address.key, Recipient(address.address, address.name, role=role))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Problem:
    """An entry that was left out: its line (from 1; 0 where there is none), its text, and why."""

    line: int
    text: str
    message: str
    place: int = 0  # among all entries, for those of which several stand on one line


MOST_KEPT = 1_000
"""Problems of a list: more than anybody reads, and a list may hold millions."""

MOST_COLUMNS = 1_000
"""Variables of a mailing: the widest exports that people have are some hundreds wide."""


class Problems(list[Problem]):
    """The first MOST_KEPT of them; `total` is how many there were."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.places = array("q")  # of all of them

    def note(self, problem: Problem) -> None:
        self.total += 1
        self.places.append(problem.place or problem.line)
        if len(self) < MOST_KEPT:
            self.append(problem)

    def note_all(self, others: Problems, after: int = 0) -> None:
        """`after`: how far the places of others are moved on."""
        self.total += others.total
        self.places.extend(place + after for place in others.places)
        self.extend(others[: MOST_KEPT - len(self)])


@dataclass(slots=True)
class Parsed:
    """A list of recipients, each address once. `columns` are the names of their variables; `places` say
    where each recipient stands among all entries, good and bad.
    """

    recipients: Recipients = field(default_factory=Recipients)
    places: array[int] = field(default_factory=lambda: array("q"))
    problems: Problems = field(default_factory=Problems)
    duplicates: Problems = field(default_factory=Problems)
    columns: list[str] = field(default_factory=list)
    lines_of: FirstLines = field(default_factory=FirstLines)  # by the recipient's key
    refusal: str = ""  # why nothing could be read at all, and what to do
    rows: int = 0  # of people, when it was a table, which the next two tell of
    table: Columns | None = None
    first_rows: Sequence[Sequence[str]] = ()
    sheets: Sequence[str] = ()  # of a workbook, and the one that was read
    sheet: str = ""
    lacking: int = 0  # cells that rows lack

    @property
    def last_place(self) -> int:
        all_places = (self.places_of_recipients(), self.problems.places, self.duplicates.places)
        return max(max(places, default=0) for places in all_places)

    def places_of_recipients(self) -> Sequence[int]:
        """In their order where nobody noted more."""
        known = len(self.places) == len(self.recipients)
        return self.places if known else range(1, len(self.recipients) + 1)

    def refuse(self, reason: str) -> Parsed:
        """The whole of it cannot be read."""
        self.refusal = reason
        self.problems.note(Problem(0, "", reason))
        return self


def merge(*lists: Parsed) -> Parsed:
    """All lists as one; an address that an earlier list has is dropped and reported."""
    if len(lists) == 1:
        return lists[0]
    merged = Parsed()
    seen = FirstLines()
    is_one = sum(bool(parsed.recipients) for parsed in lists) == 1  # the usual case: nobody to compare with
    for parsed in lists:
        after = merged.last_place
        merged.problems.note_all(parsed.problems, after)
        merged.duplicates.note_all(parsed.duplicates, after)
        places = array("q", (place + after for place in parsed.places_of_recipients()))
        if is_one or not parsed.recipients:
            merged.recipients = parsed.recipients if parsed.recipients else merged.recipients
            merged.places.extend(places)
            continue
        for recipient, place in zip(parsed.recipients, places, strict=True):
            key = recipient.key
            if key in seen:
                merged.duplicates.note(Problem(0, recipient.address, "is in more than one list", place))
                continue
            seen.setdefault(key, 1)
            merged.recipients.append(recipient)
            merged.places.append(place)
    merged.columns += dict.fromkeys(name for parsed in lists for name in parsed.columns)
    return merged
