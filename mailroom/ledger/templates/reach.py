"""Row-level authorization of templates: which of them an API key may use, and which it may change.

What people made is there to be used by every program; what a program made is its own. A key that administers
reaches all of them.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, true

from mailroom.ledger.people.api_keys import ADMIN, ApiKey, is_valid_now
from mailroom.ledger.schema import templates

OF_PEOPLE = 0
"""Instead of a program's number."""

EVERY_TEMPLATE: ColumnElement[bool] = true()
"""What people who are signed in reach."""


def templates_for(key: ApiKey) -> ColumnElement[bool]:
    """Those that this key may use, as long as it is active."""
    mine = true() if key.may(ADMIN) else templates.c.program_id.in_([key.program, OF_PEOPLE])
    return is_valid_now(key) & mine


def may_change(key: ApiKey, program_id: int) -> bool:
    """Whether the key may change a template of this owner."""
    return key.may(ADMIN) or program_id == key.program
