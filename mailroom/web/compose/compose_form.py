"""The compose form as it stands: what was typed and chosen, and what is wrong with it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from flask import request
from werkzeug.datastructures import FileStorage, MultiDict

from mailroom.content.recipients.files.csv_encoding import Choice
from mailroom.content.recipients.parsed import Parsed
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.database.blobs import WRITTEN_AT_ONCE
from mailroom.engine.accept.submission import Submission
from mailroom.engine.repeats.planning import RepeatPlan
from mailroom.ledger.lists.kept import KeptList
from mailroom.web.compose import mends
from mailroom.web.compose.mends import Mends
from mailroom.web.compose.uploads import Upload, Uploads
from mailroom.web.form_problems import FormProblems
from mailroom.web.writing.written_form import TEXT_BESIDE, WRITTEN_FIELDS

OF_ITS_DRAFT = ("draft", "draft_revision", "draft_version")
"""Fields that say which kept draft it is of: see web/drafts/."""

TYPED = (
    *("sender", "reply_to", "recipients", "recipients_encoding", "subject", "text", "html"),
    *("recipients_sheet", "recipients_column", "recipients_list", "mended"),
    *("send_at", "time_zone", "shown_zone", "if_unknown", "purpose", "list", "undo", "template"),
    *("canary", "canary_minutes", "hours", "headers"),
    *("repeat", "repeat_zone", "repeat_until", "repeat_times"),
    *OF_ITS_DRAFT,
    *(name for name in WRITTEN_FIELDS if name not in ("text", "html")),
)

USUAL_UNDO = "10"
"""Seconds, of the form that nobody has changed."""

MOST_SHOWN = 100
"""Bad entries of a list that are shown one by one."""


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file of the form: just uploaded, or kept from an earlier try."""

    filename: str
    content_type: str
    data: BinaryIO
    kept: Upload | None = None

    @property
    def size(self) -> int:
        """Octets."""
        return self.data.seek(0, os.SEEK_END)

    def slices(self, size: int) -> Iterator[bytes]:
        """What is in it, from its start, `size` octets at a time."""
        self.data.seek(0)
        while read := self.data.read(size):
            yield read


@dataclass(frozen=True, slots=True)
class ListShown:
    """A file of recipients as it is read: in which encoding, which others there are, its first rows."""

    codec: str
    choices: Sequence[Choice]  # empty when there is nothing to choose
    rows: Sequence[Sequence[str]]


@dataclass(slots=True)
class ComposeForm(FormProblems):
    """Typed values by field name, chosen files, and problems as (field, sentence)."""

    typed: dict[str, str]
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    leave_out: bool = False  # whether entries that cannot be mailed are simply left out
    asks_for_link: bool = False  # our own page's form does, and so no program's
    is_without_link: bool = False  # somebody saw that bulk mail has no link in its text, and wants it so
    lacks_link: bool = False
    undoes_bulk_only: bool = False  # our own page's form says so: a single mail goes out at once
    recipients_file: ChosenFile | None = None
    list_shown: ListShown | None = None
    attachments: list[ChosenFile] = field(default_factory=list)
    template: TemplateLetter | None = None  # see template_choice.py
    is_template_read: bool = False
    kept_list: KeptList | None = None  # see list_choice.py
    problems: list[tuple[str, str]] = field(default_factory=list)
    lists: dict[str, Parsed] = field(default_factory=dict)  # as they were read, by field
    found: dict[str, int] = field(default_factory=dict)  # recipients found, by field
    mends: Mends = field(default_factory=Mends)
    submission: Submission | None = None  # that it describes, problems or none
    repeat_plan: RepeatPlan | None = None  # by which it is to be mailed again and again
    send_at_note: str = ""  # what its time means, where the clocks change

    def value(self, name: str) -> str:
        return self.typed.get(name, "")

    @property
    def may_leave_out(self) -> bool:
        """Whether somebody is left to send to."""
        return any(one.problems and one.recipients for one in self.lists.values())

    @property
    def left_out(self) -> int:
        """How many entries of the lists are mailed to nobody."""
        return sum(one.problems.total for one in self.lists.values())

    @property
    def files(self) -> list[ChosenFile]:
        chosen = [self.recipients_file] if self.recipients_file else []
        return chosen + self.attachments

    def keep_files(self, kept: Uploads) -> None:
        """Puts what was uploaded where the next try finds it."""
        if self.recipients_file:
            self.recipients_file = kept_file(self.recipients_file, kept)
        self.attachments = [kept_file(file, kept) for file in self.attachments]


def kept_file(file: ChosenFile, kept: Uploads) -> ChosenFile:
    """The same where the next try finds it."""
    if file.kept:
        return file
    return chosen(kept.keep(file.filename, file.content_type, file.slices(WRITTEN_AT_ONCE)))


def chosen(file: Upload) -> ChosenFile:
    return ChosenFile(file.filename, file.content_type, file.open(), file)


def blank(sender: str) -> ComposeForm:
    return ComposeForm({"sender": sender, "if_unknown": "resend", "undo": USUAL_UNDO}, undoes_bulk_only=True)


def from_request(kept: Uploads) -> ComposeForm:
    """The form as the browser sent it; a kept file that is gone is a problem already."""
    return from_fields(request.form, request.files, kept)


def from_fields(
    fields: MultiDict[str, str], files: MultiDict[str, FileStorage], kept: Uploads
) -> ComposeForm:
    """The same for fields that a browser sent some time, and files that came with them."""
    given = fields.to_dict()  # a MultiDict raises, and catches, an exception for each that is not there
    # Neither a mail nor PostgreSQL's text can hold a NUL; nobody types one.
    typed = {name: given.get(name, "").replace("\x00", "") for name in TYPED}
    if TEXT_BESIDE not in given:
        del typed[TEXT_BESIDE]
    form = ComposeForm(
        typed,
        idempotency_key=given.get("idempotency_key", "")[:200],
        leave_out="leave_out" in given,
        asks_for_link="ask_for_link" in given,
        is_without_link="without_link" in given,
        undoes_bulk_only="undo_bulk_only" in given,
    )
    is_new_file = _is_new_file(fields, files)
    is_other_table = is_new_file or _is_other_sheet(fields)
    form.mends = mends.from_form(fields, is_new_file=is_other_table)
    if is_other_table:
        form.typed |= dict.fromkeys(("recipients_column", "mended"), "")
    form.typed["recipients"] = form.mends.typed(form.typed["recipients"])
    _choose_list(form, fields, files, kept, is_new_file=is_new_file)
    _choose_attachments(form, fields, files, kept)
    return form


def _is_new_file(fields: MultiDict[str, str], files: MultiDict[str, FileStorage]) -> bool:
    """Whether it takes the place of one that choices were made for."""
    uploaded = files.get("recipients_file")
    return bool(uploaded and uploaded.filename and "chosen_for_kept" in fields)


def _is_other_sheet(fields: MultiDict[str, str]) -> bool:
    """Whether another one was chosen than choices were made for."""
    chosen = fields.get("recipients_sheet", "")
    return fields.get("shown_sheet", chosen) != chosen


def _choose_list(
    form: ComposeForm,
    fields: MultiDict[str, str],
    files: MultiDict[str, FileStorage],
    kept: Uploads,
    *,
    is_new_file: bool,
) -> None:
    uploaded = files.get("recipients_file")
    if uploaded and uploaded.filename:
        form.recipients_file = uploaded_file(uploaded)
        if is_new_file:
            # Of the file that this one takes the place of.
            form.typed |= dict.fromkeys(("recipients_encoding", "recipients_sheet", "recipients_column"), "")
        return
    for token in fields.getlist("kept_recipients_file")[:1]:
        if file := kept.find(token):
            form.recipients_file = chosen(file)
        else:
            form.refuse("recipients_file", "The file is not here any more: choose it again.")


def _choose_attachments(
    form: ComposeForm, fields: MultiDict[str, str], files: MultiDict[str, FileStorage], kept: Uploads
) -> None:
    for token in fields.getlist("kept_attachments"):
        if file := kept.find(token):
            form.attachments.append(chosen(file))
        else:
            form.refuse("attachments", "An attachment is not here any more: choose it again.")
    form.attachments += [uploaded_file(file) for file in files.getlist("attachments") if file.filename]


def uploaded_file(file: FileStorage) -> ChosenFile:
    # Some browsers send the whole path.
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    return ChosenFile(name, file.mimetype or "application/octet-stream", file.stream)  # type: ignore[arg-type]
