"""Row-level authorization of lists: which of them an API key may use, and which it may change.

A program's lists are its own, and people's are for people, unless whoever owns one shares it: it is personal
data, and not every program that may send a receipt needs to read it. A key that administers reaches all.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, true

from mailroom.ledger.people.api_keys import ADMIN, ApiKey, is_valid_now
from mailroom.ledger.schema import lists

PEOPLES = 0
"""Instead of a program's number."""

EVERY_LIST: ColumnElement[bool] = true()
"""What people who are signed in reach."""


def lists_for(key: ApiKey) -> ColumnElement[bool]:
    """Those that this key may read and send to, as long as it is active."""
    mine = true() if key.may(ADMIN) else or_(lists.c.program_id == key.program, lists.c.is_shared)
    return is_valid_now(key) & mine


def may_change_list(key: ApiKey, program_id: int) -> bool:
    """Whether the key may change a list of this owner."""
    return key.may(ADMIN) or program_id == key.program
