"""A compose form filled with what an earlier mailing says, and with whom it reached or did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from sqlalchemy import Connection

from mailroom.content.addresses import Address, format_address
from mailroom.content.merge.plain import text_of
from mailroom.content.message.header_lines import as_lines
from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.engine.letterhead import sender_of
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.deliveries.outcomes import with_outcome
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.mailings.contents import StoredContent
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.web.compose.compose_form import USUAL_UNDO, ComposeForm, chosen
from mailroom.web.compose.uploads import Uploads
from mailroom.web.csv_export import line
from mailroom.web.writing.written_form import format_fields

MOST_PASTED = 2_000
"""More recipients than this come as a file: a text field of a megabyte is slow to edit."""

ADDRESSES_FIRST = "1"
"""The column of addresses. Said, not found: another that is called `primary_email` looks more like it."""

NO_LETTER = StoredContent("", "", [], [], [], [])


def copied(
    connection: Connection, mailing_id: int, kept: Uploads, outcome: str | None = None
) -> ComposeForm | None:
    """With all its recipients, or those with this outcome (outcomes.py), their names and values.

    None when there is nothing to copy: no such mailing, nobody has this outcome, or what it said is not kept
    any more. With an outcome that does not matter: the letter is written anew.
    """
    mailing, content = mailings.get(connection, mailing_id), contents.of(connection, mailing_id)
    if mailing is None or (content is None and outcome is None):
        return None

    def recipients() -> Iterator[Delivery]:
        if outcome is None:
            return deliveries.each(connection, mailing_id)
        return with_outcome(connection, mailing_id, outcome)

    form = _lettered(mailing, content or NO_LETTER)
    columns = _columns_of(recipients()) if content is None else content.columns
    if not _address(form, mailing, columns, recipients, kept):
        return None
    form.attachments = [
        chosen(kept.keep(file.filename, file.content_type, file.slices(WRITTEN_AT_ONCE)))
        for file in contents.sliced_files_of(connection, mailing_id)
    ]
    return form


def _lettered(mailing: Mailing, content: StoredContent) -> ComposeForm:
    typed = {
        "sender": sender_of(mailing),
        "reply_to": ", ".join(content.reply_to),
        "subject": mailing.subject,
        "headers": as_lines(content.headers),
        **format_fields(content.text, content.html),
        "text": content.text,
        "if_unknown": mailing.if_unknown,
        "purpose": mailing.purpose,
        "list": mailing.list_name,
        "undo": USUAL_UNDO,
        "hours": mailing.hours or "",
        "canary": str(mailing.canary or ""),
    }
    return ComposeForm(typed, undoes_bulk_only=True)


def _columns_of(recipients: Iterable[Delivery]) -> list[str]:
    """The names of their values, where the mailing does not tell them any more."""
    return list(dict.fromkeys(name for delivery in recipients for name in delivery.variables or ()))


def _address(
    form: ComposeForm,
    mailing: Mailing,
    columns: list[str],
    recipients: Callable[[], Iterator[Delivery]],
    kept: Uploads,
) -> bool:
    """Few without values as text, others as a file of the form's own, made here. False: there is nobody."""
    rest = recipients()
    first = list(islice(rest, 1 if columns else MOST_PASTED + 1))  # with values, which may be long, as a file
    if not first:
        return False
    if columns or len(first) > MOST_PASTED:
        lines = _as_csv(columns, chain(first, rest))
        file = kept.keep(f"recipients of mailing {mailing.id}.csv", "text/csv", lines)
        form.recipients_file = chosen(file)
        form.typed["recipients_column"] = ADDRESSES_FIRST
    else:
        form.typed["recipients"] = "\n".join(format_address(Address(one.address, one.name)) for one in first)
    return True


def _as_csv(columns: list[str], recipients: Iterable[Delivery]) -> Iterator[bytes]:
    yield line(["email", "name", *columns]).encode()
    for delivery in recipients:
        values = delivery.variables or {}
        cells = [delivery.address, delivery.name, *(text_of(values.get(column)) for column in columns)]
        yield line(cells).encode()
