"""Row-level authorization of drafts: a key reaches its program's own; one that administers, all of them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, true

from mailroom.ledger.people.api_keys import ADMIN, ApiKey, is_valid_now
from mailroom.ledger.schema import drafts


def drafts_for(key: ApiKey) -> ColumnElement[bool]:
    """Those that this key may see, change and send, as long as it is active."""
    mine = true() if key.may(ADMIN) else drafts.c.program_id == key.program
    return is_valid_now(key) & mine
