"""Recipients of the compose form: what was typed or pasted, and the list that was chosen, as one list."""

from __future__ import annotations

from typing import BinaryIO

from mailroom.content.recipients.files.csv_encoding import choices, encoding_named
from mailroom.content.recipients.files.list_file import parse_file, reading_of_file
from mailroom.content.recipients.files.workbook import is_workbook
from mailroom.content.recipients.parsed import Parsed, merge
from mailroom.content.recipients.pasted_cells import parse_typed
from mailroom.content.recipients.table import Wishes
from mailroom.web.compose.compose_form import ComposeForm, ListShown
from mailroom.web.compose.list_choice import KEPT_LIST, add_listed
from mailroom.web.compose.mends import FILE_LIST, TYPED_LIST
from mailroom.web.layout.filters import count

WHOM = (TYPED_LIST, FILE_LIST, KEPT_LIST)
"""Fields that say who gets it."""

ASK_ENCODING = (
    "The letters of this file can be read in several ways. Look at its first rows, choose the way in which "
    "the names are right, and press Send again."
)


def recipients_of(form: ComposeForm) -> Parsed:
    """Each address once. What cannot be mailed is among the form's problems, unless it is to be left out."""
    form.mends.restore(form.value("mended"))
    form.lists[TYPED_LIST] = _typed(form)
    _report(form, TYPED_LIST)
    if form.recipients_file:
        form.lists[FILE_LIST] = _listed(form, form.recipients_file.data)
        _report(form, FILE_LIST)
    form.typed["mended"] = form.mends.as_field
    add_listed(form)
    parsed = merge(*form.lists.values())
    if not parsed.recipients and not any(name in WHOM for name, _ in form.problems):
        form.problems.append((TYPED_LIST, "Say who gets it: paste addresses, or choose a file."))
    return parsed


def _typed(form: ComposeForm) -> Parsed:
    parsed = parse_typed(form.value(TYPED_LIST))
    if form.mends.take_suggestions(TYPED_LIST, parsed):
        form.typed[TYPED_LIST] = form.mends.typed(form.value(TYPED_LIST))
        return parse_typed(form.value(TYPED_LIST))
    return parsed


def _listed(form: ComposeForm, data: BinaryIO) -> Parsed:
    """The file as somebody chose to read it, or as it surely is; on a mere guess nothing is sent."""
    chosen = None if is_workbook(data) else encoding_named(form.value("recipients_encoding"))
    reading = reading_of_file(data, chosen)
    listed = parse_file(data, _wishes(form, reading.codec))
    if form.mends.take_suggestions(FILE_LIST, listed):
        listed = parse_file(data, _wishes(form, reading.codec))
    offered = choices(data) if chosen or not reading.is_sure else []
    if not reading.is_sure and not listed.refusal:
        form.refuse("recipients_encoding", ASK_ENCODING)
    if listed.refusal and not chosen:
        form.recipients_file = None  # there is nothing in it to be tried again
    else:
        form.list_shown = ListShown(reading.codec, offered, listed.first_rows)
    return listed


def _wishes(form: ComposeForm, encoding: str) -> Wishes:
    column = form.value("recipients_column").strip()
    return Wishes(encoding, form.value("recipients_sheet"), column, form.mends.of_file)


def _report(form: ComposeForm, name: str) -> None:
    parsed = form.lists[name]
    form.found[name] = len(parsed.recipients)
    if parsed.refusal:
        form.refuse(name, parsed.refusal)
        return
    if not parsed.problems or (form.leave_out and parsed.recipients):
        return
    where = " of the file" if name == FILE_LIST else ""
    form.problems.append(
        (name, f"{count(parsed.problems.total, 'entry', 'entries')}{where} cannot be mailed.")
    )
