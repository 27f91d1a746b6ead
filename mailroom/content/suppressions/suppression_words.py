"""Words of a suppression: its note, and the list whose mail it stops. They stand in lines, beside others."""

from __future__ import annotations

from mailroom.content.addresses import INVISIBLE
from mailroom.content.text.characters import misplaced

LONGEST_NOTE = 500
LIST_OF_NOBODY = "A list is one of a sender’s: name the sender, too."
"""Else all mail would be stopped, or let go, where one list was meant."""


class WordsUnfit(ValueError):
    """`str()` is a sentence."""


def check_words(note: str, list_name: str) -> None:
    """Raises WordsUnfit."""
    for what, text in (("note", note), ("name of the list", list_name)):
        if reason := misplaced(text):
            raise WordsUnfit(f"The {what} {reason}.")


def note_of(cell: str) -> str:
    """As it stands in a file: in one line."""
    return " ".join(cell.split()).strip(INVISIBLE)[:LONGEST_NOTE]
