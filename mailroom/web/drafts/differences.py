"""Differences between two versions of a draft: which fields changed, and which lines of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from werkzeug.datastructures import MultiDict

from mailroom.ledger.drafts.kept_fields import DraftFile, KeptFields

CALLED = {
    "sender": "From",
    "html": "HTML",
    "mjml": "MJML",
    "format": "Written as",
    "text_beside": "Text version",
    "recipients_file": "File of recipients",
    "kept_recipients_file": "File of recipients",
    "kept_attachments": "Attachments",
    "if_unknown": "If the connection breaks",
    "canary": "How many go first",
}
"""Where a field is not called as its page calls it."""

NOT_TOLD = {"time_zone", "shown_zone", "repeat_zone", "ask_for_link", "shown_sheet", "chosen_for_kept"}
"""Fields that nobody fills in."""

MOST_LINES = 2_000
"""Of a text that is compared line by line; of a longer one it is only said that it changed."""

MOST_PAIRS = 50_000
"""Of lines that are alike: the work grows with their number, times that of the lines."""

AROUND = 2
"""Lines that are shown before and after what changed."""


class ChangedLine(NamedTuple):
    """`kind`: added, removed or same; or gap, where some that did not change are left out."""

    kind: str
    text: str


class ChangedField(NamedTuple):
    words: str
    lines: Sequence[ChangedLine]


def words_of(field: str) -> str:
    """What a field is called."""
    return CALLED.get(field) or field.removeprefix("kept_").replace("_", " ").capitalize()


def changed_fields(before: KeptFields, now: KeptFields) -> list[str]:
    """What the fields are called in which they differ; without reading long texts."""
    were, are = _by_name(before), _by_name(now)
    names = dict.fromkeys([*are, *were])
    return list(dict.fromkeys(words_of(name) for name in names if were.get(name) != are.get(name)))


def differences(
    before: tuple[MultiDict[str, str], Sequence[DraftFile]],
    now: tuple[MultiDict[str, str], Sequence[DraftFile]],
) -> list[ChangedField]:
    """Line by line: of what was, and what is."""
    were, are = _lines_by_name(*before), _lines_by_name(*now)
    names = dict.fromkeys([*are, *were])
    return [
        ChangedField(words_of(name), list(_compared(were.get(name, []), are.get(name, []))))
        for name in names
        if were.get(name) != are.get(name)
    ]


def _by_name(form: KeptFields) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for name, value in form.fields:
        if value != "" and name not in NOT_TOLD:
            found.setdefault(name, []).append(value)
    for file in form.files:
        found.setdefault(file.field, []).append((file.filename, file.digest))
    return found


def _lines_by_name(fields: MultiDict[str, str], files: Iterable[DraftFile]) -> dict[str, list[str]]:
    tokens = {file.token for file in files}
    found: dict[str, list[str]] = {}
    for name, value in fields.items(multi=True):
        if value and value not in tokens and name not in NOT_TOLD:
            lines = found.setdefault(name, [])
            # What is too long to be compared is not cut: each of a million lines would be one in memory.
            lines.extend(value.replace("\r\n", "\n").split("\n", max(0, MOST_LINES + 1 - len(lines))))
    for file in files:
        found.setdefault(file.field, []).append(file.filename)
    return found


def _compared(before: Sequence[str], now: Sequence[str]) -> Iterator[ChangedLine]:
    if max(len(before), len(now)) > MOST_LINES or _pairs(before, now) > MOST_PAIRS:
        yield ChangedLine("gap", "It is too long to be compared here.")
        return
    for group in SequenceMatcher(None, before, now, autojunk=False).get_grouped_opcodes(AROUND):
        if group[0][1]:
            yield ChangedLine("gap", "…")
        for kind, start, end, other_start, other_end in group:
            if kind == "equal":
                yield from (ChangedLine("same", line) for line in before[start:end])
                continue
            yield from (ChangedLine("removed", line) for line in before[start:end])
            yield from (ChangedLine("added", line) for line in now[other_start:other_end])


def _pairs(before: Sequence[str], now: Sequence[str]) -> int:
    there = Counter(now)
    return sum(number * there[line] for line, number in Counter(before).items())
