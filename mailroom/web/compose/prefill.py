"""A compose form filled with what an earlier mailing says."""

from __future__ import annotations

import io
from collections.abc import Iterable

from sqlalchemy import Connection

from mailroom.content.addresses import Address, format_address
from mailroom.content.merge.plain import text_of
from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.engine.letterhead import sender_of
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.web.compose.compose_form import USUAL_UNDO, ChosenFile, ComposeForm, chosen
from mailroom.web.compose.uploads import Uploads
from mailroom.web.csv_export import line

MOST_PASTED = 2_000
"""More recipients than this come as a file: a text field of a megabyte is slow to edit."""


def copied(connection: Connection, mailing_id: int, kept: Uploads) -> ComposeForm | None:
    """None when there is nothing to copy: no such mailing, or what it said is not kept any more."""
    mailing, content = mailings.get(connection, mailing_id), contents.of(connection, mailing_id)
    if mailing is None or content is None:
        return None
    form = ComposeForm(
        {
            "sender": sender_of(mailing),
            "reply_to": ", ".join(content.reply_to),
            "subject": mailing.subject,
            "text": content.text,
            "html": content.html,
            "if_unknown": mailing.if_unknown,
            "purpose": mailing.purpose,
            "list": mailing.list_name,
            "undo": USUAL_UNDO,
        },
        undoes_bulk_only=True,
    )
    form.attachments = [
        chosen(kept.keep(file.filename, file.content_type, file.slices(WRITTEN_AT_ONCE)))
        for file in contents.sliced_files_of(connection, mailing_id)
    ]
    recipients = deliveries.each(connection, mailing_id)
    if content.columns or mailing.total > MOST_PASTED:
        form.recipients_file = _as_file(mailing, content.columns, recipients, kept)
        form.found["recipients_file"] = mailing.total
    else:
        form.typed["recipients"] = "\n".join(format_address(Address(d.address, d.name)) for d in recipients)
    return form


def _as_file(
    mailing: Mailing, columns: list[str], recipients: Iterable[Delivery], kept: Uploads
) -> ChosenFile:
    data = io.BytesIO(line(["email", "name", *columns]).encode())
    data.seek(0, io.SEEK_END)
    for delivery in recipients:
        values = delivery.variables or {}
        cells = [delivery.address, delivery.name, *(text_of(values.get(column)) for column in columns)]
        data.write(line(cells).encode())
    return chosen(kept.keep(f"recipients of mailing {mailing.id}.csv", "text/csv", [data.getvalue()]))
