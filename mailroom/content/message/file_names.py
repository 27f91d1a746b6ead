"""Names of files with merge tags: filled for each recipient, and made fit to be the name of a file."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailroom.content.merge.plain import MergeError, Values
from mailroom.content.merge.tags import parse_template
from mailroom.content.message.body import Personal
from mailroom.content.message.headers import clean
from mailroom.content.text.characters import misplaced

LONGEST_FILLED_NAME = 255
"""Characters."""

MOST_FILLED_NAMES = 10
"""Files of a mailing whose names hold tags: each is rendered for every mail."""

_PARTS_OF_PATHS = re.compile(r'[/\\:*?"<>|]')
"""What leads elsewhere, or is no part of a name, on one system or another."""


def personal_file_name(source: str, field: Callable[[str], str]) -> Personal | None:
    """What makes the fields of a file, of its name; None: there are no tags. Raises MergeError for bad
    Liquid.
    """
    template = parse_template(source)
    if template is None:
        return None
    return Personal(template, lambda name: field(file_name(name)).encode("ascii", "replace"))


def filled_name(source: str, values: Values) -> str:
    """The name that somebody's file has. Raises MergeError."""
    template = parse_template(source)
    return file_name(template.render(values)) if template else source


def file_name(filled: str) -> str:
    """A name that a file can have. Raises MergeError where nothing can be made of it."""
    name = " ".join(_PARTS_OF_PATHS.sub("_", clean(filled)).split())
    if reason := misplaced(name):
        raise MergeError(f"The name of a file {reason}.")
    if not name.strip(". _"):
        raise MergeError("The name of a file is empty for this recipient.")
    if len(name) > LONGEST_FILLED_NAME:
        raise MergeError(
            f"The name of a file has {len(name):,} characters for this recipient, and "
            f"{LONGEST_FILLED_NAME} is the most."
        )
    return name
