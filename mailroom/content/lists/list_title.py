"""The name of a kept list: a line that people see, and that they unsubscribe from."""

from __future__ import annotations

from unicodedata import normalize

from mailroom.content.addresses import UNSAFE_IN_ADDRESS
from mailroom.content.content import LONGEST_LIST_NAME
from mailroom.content.text.characters import misplaced


class NameUnfit(ValueError):
    """`str()` is a sentence."""


def title_of(typed: str) -> str:
    """The name as it is kept. Raises NameUnfit."""
    name = normalize("NFC", " ".join(typed.split()))
    if not name:
        raise NameUnfit("Give the list a name.")
    if len(name) > LONGEST_LIST_NAME:
        raise NameUnfit(f"The name of a list has at most {LONGEST_LIST_NAME} characters.")
    if reason := misplaced(name):
        raise NameUnfit(f"The name of a list {reason}.")
    if UNSAFE_IN_ADDRESS.search(name):
        raise NameUnfit("The name of a list cannot contain a control character.")
    return name
