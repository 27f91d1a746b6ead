"""flask lists: recipients that are kept, with their columns and their consent.

group.py (what all of them need), whole.py (a list as a whole), members.py (who is on one), importing.py (a
file into a list, and out of it).
"""

from __future__ import annotations

from mailroom.cli.lists import importing, members, whole
from mailroom.cli.lists.group import lists

LISTS_COMMANDS = (whole, members, importing)
"""Each adds its commands to `lists` when it is imported."""

__all__ = ["lists"]
