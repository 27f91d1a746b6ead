"""Offers of the compose page: templates to write with, lists to write to, the draft somebody was writing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flask import request

from mailroom.database.clock import now_millis
from mailroom.database.faults import LEDGER_AWAY
from mailroom.database.together import Together
from mailroom.ledger.drafts import stored as stored_drafts
from mailroom.ledger.drafts.stored import ListedDraft
from mailroom.ledger.lists import kept
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.schema import drafts
from mailroom.ledger.templates import stored
from mailroom.ledger.templates.stored import TemplateName
from mailroom.web import mailroom
from mailroom.web.request.gate import user

MOST_OFFERED = 200

LATELY_MS = 24 * 3600 * 1000


class Offers(NamedTuple):
    """`unfinished`: what they changed last, on the page of an empty form."""

    templates: Sequence[TemplateName] = ()
    lists: Sequence[KeptList] = ()
    unfinished: ListedDraft | None = None


def offers() -> Offers:
    """Nothing while the ledger is away, for the form is still to be shown then."""
    is_empty_form = request.endpoint == "compose.page" and not request.args
    lately = (drafts.c.changed_by == user().id) & (drafts.c.updated_at >= now_millis() - LATELY_MS)
    try:
        with mailroom().database.read_at_once() as connection:
            reads = Together(connection)
            names = reads.ask(stored.published_names, MOST_OFFERED)
            lists = reads.ask(kept.by_name, MOST_OFFERED)
            written = reads.ask(stored_drafts.page, lately, limit=1) if is_empty_form else None
            found = written() if written else []
            return Offers(names(), lists(), found[0] if found else None)
    except LEDGER_AWAY:
        return Offers()
