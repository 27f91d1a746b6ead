"""Mended entries of the form's two lists: what somebody wrote in place of each, or took as suggested."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from werkzeug.datastructures import MultiDict

from mailroom.content.addresses import MAX_LENGTH
from mailroom.content.recipients.entries import entries
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.pasted import BAD_ENTRY_SHOWN
from mailroom.content.recipients.suggestions import suggested

TYPED_LIST, FILE_LIST = "recipients", "recipients_file"

MOST_MENDED = 2_000
"""Entries. Who has more of them mends the file."""

_WORD = re.compile(r"[^\s<>()\",;]+")
"""Of an entry: an address in it is one."""


class ListEntry(NamedTuple):
    """One entry of a list, by its line and how it is written there."""

    list_name: str
    line: int
    text: str

    @property
    def key(self) -> str:
        """For a field of the form; `entry_of` reads it."""
        return f"{self.list_name} {self.line} {self.text}"


@dataclass(slots=True)
class Mends:
    """What to read in place of which entry. `takes_all`: every suggestion is to be taken."""

    made: dict[ListEntry, str] = field(default_factory=dict)
    takes_all: bool = False

    @property
    def of_file(self) -> dict[tuple[int, str], str]:
        return {
            (entry.line, entry.text): address
            for entry, address in self.made.items()
            if entry.list_name == FILE_LIST
        }

    @property
    def as_field(self) -> str:
        """Those of the file, for the next try; what was typed is mended in its field."""
        made = [[*mended, address] for mended, address in self.of_file.items()]
        return json.dumps(made, ensure_ascii=False) if made else ""

    def restore(self, kept: str) -> None:
        """Takes in what `as_field` gave, whatever has become of it on its way."""
        for line, text, address in _kept(kept):
            self.add(ListEntry(FILE_LIST, line, text), address)

    def add(self, entry: ListEntry, address: str) -> None:
        address = address.strip()[:MAX_LENGTH]
        if address and address != entry.text and len(self.made) < MOST_MENDED:
            self.made[entry] = address

    def take_suggestions(self, list_name: str, parsed: Parsed) -> bool:
        """Takes all that there are for this list, when somebody wants them; says whether any was taken."""
        if not self.takes_all:
            return False
        before = len(self.made)
        for line, text in doubtful(parsed):
            self.add(ListEntry(list_name, line, text), suggested(text))
        return len(self.made) > before

    def typed(self, text: str) -> str:
        """The text of the form's field, mended."""
        mine: dict[int, dict[str, str]] = {}
        for entry, new in self.made.items():
            if entry.list_name == TYPED_LIST:
                mine.setdefault(entry.line, {})[entry.text.lower()] = new
        if not mine:
            return text
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, made in mine.items():
            if 1 <= number <= len(lines):
                cells = lines[number - 1].split("\t")
                lines[number - 1] = "\t".join(_mended(cell, made) for cell in cells)
        return "\n".join(lines)


def _mended(cell: str, made: dict[str, str]) -> str:
    """A line, or a cell of it, with whole entries mended, or the address within one: never a part of it."""
    found = [entry for _, entry in entries(cell)]
    mended = [_mended_entry(entry, made) for entry in found]
    return cell if mended == found else "; ".join(mended)


def _mended_entry(entry: str, made: dict[str, str]) -> str:
    whole = made.get(entry.lower())
    return whole or _WORD.sub(lambda word: made.get(word[0].lower(), word[0]), entry)


def doubtful(parsed: Parsed) -> Iterable[tuple[int, str]]:
    """The entries that are bad, and those that look misspelt, with their line."""
    for problem in parsed.problems:
        if len(problem.text) < BAD_ENTRY_SHOWN:
            yield problem.line, problem.text
    for recipient in parsed.recipients:
        if suggested(recipient.address):
            yield parsed.lines_of.get(recipient.key, 0), recipient.address


def from_form(fields: MultiDict[str, str], *, is_new_file: bool) -> Mends:
    """As the browser sent them; those of a file that another takes the place of are forgotten."""
    mends = Mends(takes_all="mend_all" in fields)
    for line, text, address in _kept(fields.get("mended", "")):
        mends.add(ListEntry(FILE_LIST, line, text), address)
    pairs = zip(fields.getlist("mend_entry"), fields.getlist("mend_address"), strict=False)
    for key, address in pairs:
        if entry := entry_of(key):
            mends.add(entry, address)
    for key in fields.getlist("mend_suggested"):
        if entry := entry_of(key):
            mends.add(entry, suggested(entry.text))
    if is_new_file:
        mends.made = {entry: new for entry, new in mends.made.items() if entry.list_name != FILE_LIST}
    return mends


def entry_of(key: str) -> ListEntry | None:
    name, _, rest = key.partition(" ")
    line, _, text = rest.partition(" ")
    is_one = name in (TYPED_LIST, FILE_LIST) and line.isascii() and line.isdecimal() and len(line) < 10
    return ListEntry(name, int(line), text) if is_one else None


def _kept(field: str) -> Iterable[tuple[int, str, str]]:
    if not field:
        return
    try:
        kept = json.loads(field)
    except (ValueError, RecursionError):
        return
    for one in kept[:MOST_MENDED] if isinstance(kept, list) else ():
        match one:
            case [int(line), str(text), str(address)]:
                yield line, text, address
