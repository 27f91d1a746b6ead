"""Recipients as people paste them: one a line, or separated by commas or semicolons."""

from __future__ import annotations

from mailroom.content.addresses import AddressError, parse_address
from mailroom.content.recipients.entries import entries
from mailroom.content.recipients.parsed import Parsed, Problem, Recipient

BAD_ENTRY_SHOWN = 200
"""Characters of a bad entry that its problem repeats."""


def parse_pasted(text: str) -> Parsed:
    """Every address in `text`, each once; every entry that is none, with its line."""
    parsed = Parsed()
    lines_of = parsed.lines_of
    for place, (number, entry) in enumerate(entries(text), 1):
        try:
            found = parse_address(entry)
        except AddressError as refusal:
            parsed.problems.note(Problem(number, entry[:BAD_ENTRY_SHOWN], str(refusal), place))
            continue
        if first := lines_of.get(found.key):
            message = f"is on line {first} already"
            parsed.duplicates.note(Problem(number, entry[:BAD_ENTRY_SHOWN], message, place))
            continue
        lines_of.setdefault(found.key, number)
        parsed.recipients.append(Recipient(found.address, found.name))
        parsed.places.append(place)
    return parsed
