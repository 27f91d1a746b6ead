"""Mailings whose recipients come as a file: a form of parts, of which the file is never in memory as a whole.

A request is a `multipart/form-data` of `mailing` (the JSON of a mailing without its recipients), `recipients`
(the file: CSV, a workbook, vCard) and, perhaps, what says how that is to be read.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, cast

from flask import request

from mailroom.content.recipients.files.csv_encoding import Reading, choices
from mailroom.content.recipients.files.list_file import NotAnEncoding, parse_file, reading_of_file
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.recipients.table import Wishes
from mailroom.content.text import json_text
from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.requests.mailings import ListReadingRequest

ENDPOINTS = frozenset({"api.send_mailing", "api.preflight_mailing"})
"""Which take such a form."""

MAILING_PART, LIST_PART = "mailing", "recipients"

MOST_LISTED = 2_000_000
"""Rows of one list: they take some 100 MB of memory, and a minute."""

BAD_ROWS_NAMED = 10
CHOICES_OFFERED = 5
"""Ways to read a file, the likely ones first."""

WAIT_FOR_TURN = 30.0
"""Seconds until other lists have to be read."""

LISTS_AT_ONCE = 3
"""For one that is read in this process, and those that wait for it: each holds a thread."""

_reading = threading.BoundedSemaphore(1)
_places = threading.BoundedSemaphore(LISTS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class ListedMailing:
    """`value`: the JSON of the mailing. Its recipients are still to be read."""

    value: Any
    file: BinaryIO
    reading: ListReadingRequest

    @property
    def said(self) -> Iterator[bytes]:
        """The same for the same mailing to the same file, whatever stands between the parts."""
        digest = sha256()
        self.file.seek(0)
        while some := self.file.read(WRITTEN_AT_ONCE):
            digest.update(some)
        about = [self.value, self.reading.model_dump(), digest.hexdigest()]
        return body.written(about)

    def read(self, *, may_be_bad: bool = False) -> Parsed:
        """Everybody who is in the file. Raises ApiError with what is wrong there.

        `may_be_bad`: rows that cannot be mailed are told of by the list itself.
        """
        with _turn():
            encoding = self._encoding()
            parsed = parse_file(self.file, self._wishes(encoding.codec))
        if parsed.refusal:
            raise Unprocessable(f"`{LIST_PART}`: {parsed.refusal}")
        if not encoding.is_sure:
            raise Unprocessable(self._ways_to_read())
        if parsed.problems and not (may_be_bad or (self.reading.leave_out and parsed.recipients)):
            raise Unprocessable(_bad_rows(parsed))
        if not parsed.recipients and not may_be_bad:
            raise Unprocessable(f"`{LIST_PART}`: There is nobody in this file.")
        return parsed

    def _wishes(self, encoding: str) -> Wishes:
        reading = self.reading
        return Wishes(encoding, reading.recipients_sheet, reading.recipients_column.strip(), most=MOST_LISTED)

    def _encoding(self) -> Reading:
        try:
            return reading_of_file(self.file, self.reading.recipients_encoding or None)
        except NotAnEncoding as known:
            raise Unprocessable(f"`recipients_encoding`: This must be {known}.") from None

    def _ways_to_read(self) -> str:
        offered = "; ".join(f"{one.codec}: {one.words}" for one in choices(self.file)[:CHOICES_OFFERED])
        return (
            f"`{LIST_PART}`: The letters of this file can be read in several ways. Give the right one as "
            f"`recipients_encoding`: {offered}."
        )


def is_listed() -> bool:
    """Whether this request is such a form."""
    return request.mimetype == "multipart/form-data"


def largest_request() -> int:
    """Octets of one."""
    return mailroom().settings.largest_list << 20


def listed() -> ListedMailing:
    """What this request brings. Raises ApiError."""
    request.max_content_length = largest_request()
    fields, files = request.form, request.files
    for name in (*fields, *files):
        if len(fields.getlist(name)) + len(files.getlist(name)) > 1:
            raise Unprocessable(f"`{body.shown_name(name)}`: This is given twice.")
    reading = body.checked(
        ListReadingRequest,
        {name: value for name, value in fields.items() if name not in (MAILING_PART, LIST_PART)},
    )
    if unknown := next((name for name in files if name not in (MAILING_PART, LIST_PART)), None):
        raise Unprocessable(f"`{body.shown_name(unknown)}`: There is no such part; look for a misspelling.")
    return ListedMailing(_json(_part(MAILING_PART)), _part(LIST_PART), reading)


def _part(name: str) -> BinaryIO:
    """A file of the form, or a field."""
    if (file := request.files.get(name)) is not None:
        return cast(BinaryIO, file.stream)
    if (text := request.form.get(name)) is not None:
        return io.BytesIO(text.encode("utf-8", "surrogatepass"))
    raise Unprocessable(f"Missing `{name}` part.", "missing_required_field")


def _json(part: BinaryIO) -> Any:
    if part.seek(0, io.SEEK_END) > LARGEST_LETTER:
        raise ApiError(413, "payload_too_large", f"`{MAILING_PART}` has more than 64 MB.")
    part.seek(0)
    texts = body.spooled_texts()
    try:
        return json_text.read(texts.taken_from(part), json_text.ROOM_FOR_EMAILS, texts)
    except json_text.NotJson as error:
        raise ApiError(400, "validation_error", f"`{MAILING_PART}`: {error}") from None


LARGEST_LETTER = 64 << 20
"""Octets, attachments included, as of any other body."""


def _bad_rows(parsed: Parsed) -> str:
    """Names some of them."""
    named = "; ".join(
        f"row {one.line}, “{one.text}”: {one.message.removesuffix('.')}"
        if one.text
        else f"row {one.line}: {one.message.removesuffix('.')}"
        for one in parsed.problems[:BAD_ROWS_NAMED]
    )
    total = parsed.problems.total
    more = f"; and {total - BAD_ROWS_NAMED:,} more" if total > BAD_ROWS_NAMED else ""
    rows = "1 row" if total == 1 else f"{total:,} rows"
    return f"`{LIST_PART}`: {rows} cannot be mailed: {named}{more}. Mend them, or give `leave_out`."


@contextmanager
def _turn() -> Iterator[None]:
    """Raises ApiError when other lists are being read, and more wait for that."""
    if not _places.acquire(blocking=False):
        raise _busy()
    try:
        if not _reading.acquire(timeout=WAIT_FOR_TURN):
            raise _busy()
        try:
            yield
        finally:
            _reading.release()
    finally:
        _places.release()


def _busy() -> ApiError:
    headers: Mapping[str, str] = {"Retry-After": "10"}
    message = "Other lists are being read just now. Try again in a few seconds."
    return ApiError(429, "rate_limit_exceeded", message, headers)
