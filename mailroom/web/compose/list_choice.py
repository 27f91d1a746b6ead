"""The compose form's kept list: which one is chosen, and whom a mailing to it goes to."""

from __future__ import annotations

from mailroom.content.content import TRANSACTIONAL
from mailroom.content.recipients.parsed import Parsed
from mailroom.database.faults import LEDGER_AWAY
from mailroom.engine.lists.reading import ListNotReady, parsed_of
from mailroom.ledger.lists import kept
from mailroom.web import mailroom
from mailroom.web.compose.compose_form import ComposeForm

KEPT_LIST = "recipients_list"


def add_listed(form: ComposeForm) -> None:
    """Everybody on the chosen list, as it is now. Why it cannot be sent to is a problem of the form."""
    chosen = form.value(KEPT_LIST).strip()
    if not chosen:
        return
    try:
        with mailroom().database.read() as connection:
            found = kept.find(connection, chosen)
            if found is None:
                form.refuse(KEPT_LIST, "There is no such list any more.")
                return
            form.kept_list = found
            parsed = parsed_of(connection, found)
    except ListNotReady as reason:
        form.refuse(KEPT_LIST, str(reason))
        return
    except LEDGER_AWAY:
        form.refuse(KEPT_LIST, "The ledger cannot be read just now, so nothing was sent. Try again soon.")
        return
    if not parsed.recipients:
        form.refuse(KEPT_LIST, "Nobody is on this list.")
    _add(form, parsed)


def _add(form: ComposeForm, parsed: Parsed) -> None:
    form.lists[KEPT_LIST] = parsed
    form.found[KEPT_LIST] = len(parsed.recipients)


def listed_name(form: ComposeForm) -> str:
    """What recipients unsubscribe from, unless the form says something else: the list that it goes to."""
    is_bulk = form.value("purpose") != TRANSACTIONAL
    return form.kept_list.list_name if form.kept_list and is_bulk else ""
