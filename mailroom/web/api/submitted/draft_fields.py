"""Draft fields: what a program says of a draft, as the compose form has it, so that people can go on."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from math import ceil

from werkzeug.datastructures import MultiDict

from mailroom.content.addresses import Address, format_address
from mailroom.content.merge.plain import text_of
from mailroom.content.message.header_lines import as_lines
from mailroom.database import blobs
from mailroom.database.blobs import Octets
from mailroom.ledger.drafts.kept_fields import Blob, DraftFile, KeptFields, shortened
from mailroom.ledger.drafts.stored import Writing
from mailroom.web.api.errors import Unprocessable
from mailroom.web.api.requests.drafts import DraftRequest
from mailroom.web.api.requests.given_files import GivenFile
from mailroom.web.api.requests.mailings import RecipientRequest
from mailroom.web.api.submitted.submissions import columns_of
from mailroom.web.compose.prefill import ADDRESSES_FIRST, MOST_PASTED
from mailroom.web.csv_export import line
from mailroom.web.drafts.written import OF_ITS_LIST

ATTACHED, LISTED_IN_FILE = "kept_attachments", "kept_recipients_file"

PLAIN_FIELDS = ("subject", "text", "html", "purpose", "template", "if_unknown")
"""Called alike by the form and by the API."""


def writing_of(
    asked: DraftRequest, fields: MultiDict[str, str], files: Sequence[DraftFile], recipients: int | None
) -> Writing:
    """What the draft says from now on. `fields`, `files`, `recipients`: what it said."""
    given = asked.model_fields_set
    said = [
        (name, value) for name, value in fields.items(multi=True) if name not in (ATTACHED, LISTED_IN_FILE)
    ]
    changed = _said(asked, given)
    new: list[tuple[DraftFile, Blob]] = []
    kept = [file for file in files if not (file.field == ATTACHED and "attachments" in given)]
    if "attachments" in given:
        new = [_file(ATTACHED, one.filename, one.content_type, one.content) for one in asked.attachments]
    if "recipients" in given:
        recipients = len(asked.recipients)
        said = [(name, value) for name, value in said if name not in OF_ITS_LIST]
        kept = [file for file in kept if file.field != LISTED_IN_FILE]
        if _is_plain(asked.recipients):
            changed["recipients"] = "\n".join(_named(one) for one in asked.recipients)
        else:
            changed |= {"recipients": "", "recipients_column": ADDRESSES_FIRST}
            new.append(_file(LISTED_IN_FILE, "recipients.csv", "text/csv", _as_csv(asked.recipients)))
    said = [(name, value) for name, value in said if name not in changed] + list(changed.items())
    form, beside = shortened(said)
    beside |= {blob.digest: blob for _, blob in new}
    its_files = (*kept, *(file for file, _ in new))
    return Writing(
        KeptFields(tuple(form), its_files), beside, dict(said).get("subject", ""), recipients=recipients
    )


def _said(asked: DraftRequest, given: set[str]) -> dict[str, str]:
    said = {name: getattr(asked, name) or "" for name in PLAIN_FIELDS if name in given}
    if "from_" in given:
        said["sender"] = format_address(asked.from_) if asked.from_ else ""
    if "reply_to" in given:
        said["reply_to"] = ", ".join(map(format_address, asked.reply_to))
    if "headers" in given:
        said["headers"] = as_lines(asked.headers.items())
    if "list_" in given:
        said["list"] = asked.list_ or ""
    if "scheduled_at" in given:
        said["send_at"] = asked.scheduled_at.isoformat(timespec="milliseconds") if asked.scheduled_at else ""
    if "sending_hours" in given:
        said["hours"] = str(asked.sending_hours.hours()) if asked.sending_hours else ""
    if "undo" in given:
        said["undo"] = str(asked.undo)
    if "canary" in given:
        said["canary"] = str(asked.canary or "")
    if "canary_wait" in given:
        said["canary_minutes"] = "" if asked.canary_wait is None else str(ceil(asked.canary_wait / 60))
    return said


MOST_CELLS = 2_000_000
"""Of a draft's recipients with their variables: they are written as a table."""


def _is_plain(recipients: Sequence[RecipientRequest]) -> bool:
    """Whether a text field holds them."""
    return len(recipients) <= MOST_PASTED and not any(one.variables for one in recipients)


def _named(one: RecipientRequest) -> str:
    return format_address(Address(one.address.address, one.name or one.address.name))


def _as_csv(recipients: Sequence[RecipientRequest]) -> bytes:
    """Raises ApiError for what would be a table of too many cells, most of them empty."""
    columns = columns_of(recipients)
    if len(recipients) * len(columns) > MOST_CELLS:
        raise Unprocessable(f"`recipients`: with their variables these make more than {MOST_CELLS:,} cells.")
    lines = [line(["email", "name", *columns])]
    for one in recipients:
        values = [text_of(one.variables.get(column)) for column in columns]
        lines.append(line([one.address.address, one.name or one.address.name, *values]))
    return "".join(lines).encode()


def _file(field: str, filename: str, content_type: str | None, given: GivenFile) -> tuple[DraftFile, Blob]:
    kind = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    digest = sha256()
    for piece in _slices(given, blobs.WRITTEN_AT_ONCE):
        digest.update(piece)
    size = len(given) if isinstance(given, bytes) else given.size
    blob = Blob(digest.hexdigest(), size, partial(_slices, given))
    return DraftFile(field, secrets.token_hex(16), filename, kind, blob.size, blob.digest), blob


def _slices(given: GivenFile, size: int) -> Iterator[Octets]:
    return blobs.sliced(given) if isinstance(given, bytes) else given.slices(size)
