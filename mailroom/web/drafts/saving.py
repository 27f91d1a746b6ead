"""Saving a draft: what the compose form says, under its revision, or beside what somebody else wrote."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass

from flask import request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mailroom.database.blobs import begin_with
from mailroom.database.faults import LEDGER_AWAY
from mailroom.ledger.drafts import stored, versions
from mailroom.ledger.drafts.contents_of_drafts import Missing
from mailroom.ledger.drafts.kept_fields import KeptFields
from mailroom.ledger.drafts.room import DraftsFull
from mailroom.ledger.drafts.stored import ChangedElse, DraftSent, StoredDraft, Writing
from mailroom.ledger.drafts.versions import Reason
from mailroom.web import mailroom
from mailroom.web.compose.compose_form import ComposeForm
from mailroom.web.compose.uploads import Uploads
from mailroom.web.drafts.written import written
from mailroom.web.request.gate import user

TRIES = 3
"""What was read before may be gone, or there, when it is written."""


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """`beside`: the draft that says something else, for which this is another one; `why`, in a sentence."""

    draft: StoredDraft
    beside: StoredDraft | None = None
    why: str = ""


def save(kept: Uploads, reason: Reason | None = None) -> SavedDraft:
    """What this request's form says. Raises DraftsFull."""
    wanted = _uid(request.form.get("draft", "")) or _uid(request.form.get("idempotency_key", ""))
    uid = wanted or str(uuid.uuid4())
    known: KeptFields | None = None
    for _ in range(TRIES):
        draft = stored.look(mailroom().database, uid)
        known = draft.form if draft and known is None else KeptFields()
        writing = written(request.form, request.files, kept, known, user().id)
        sizes = [blob.size for blob in writing.blobs.values()]
        with suppress(Missing, IntegrityError), begin_with(mailroom().database, sizes) as connection:
            return _saved(connection, uid, writing, reason, is_new=draft is None)
    raise Missing(uid)


def _saved(
    connection: Connection, uid: str, writing: Writing, reason: Reason | None, *, is_new: bool
) -> SavedDraft:
    """`is_new`: there was none a moment ago. Raises IntegrityError if there is one by now."""
    draft = None if is_new else stored.find(connection, uid, to_change=True)
    if draft is None:
        draft = stored.add(connection, uid, writing)
        return SavedDraft(stored.change(connection, draft, writing, revision=None, reason=reason))
    seen = _number(request.form.get("draft_revision", ""))
    try:
        return SavedDraft(stored.change(connection, draft, writing, revision=seen, reason=reason))
    except ChangedElse:
        why = "This draft was changed elsewhere meanwhile. What stands here is kept as a draft of its own."
    except DraftSent:
        if reason is not None or writing.form == draft.form:
            return SavedDraft(draft)
        why = "This draft was sent meanwhile. What stands here is kept as a draft of its own."
    return SavedDraft(_beside(connection, draft, writing, reason), draft, why)


def _beside(
    connection: Connection, draft: StoredDraft, writing: Writing, reason: Reason | None
) -> StoredDraft:
    uid = str(uuid.uuid4())
    stored.duplicate(connection, draft, uid, user().id, draft.name)
    copy = stored.find(connection, uid, to_change=True)
    assert copy is not None
    return stored.change(connection, copy, writing, revision=None, reason=reason)


def note(form: ComposeForm, kept: Uploads, reason: Reason) -> None:
    """Keeps what is checked or sent as a version, when the form is of a draft; nobody is held up by that."""
    if not form.value("draft"):
        return
    with suppress(DraftsFull, Missing, *LEDGER_AWAY):
        saved = save(kept, reason).draft
        form.typed |= {
            "draft": saved.uid,
            "draft_revision": str(saved.revision),
            "draft_version": str(saved.version),
        }


def mark(form: ComposeForm, reason: Reason) -> None:
    """Says of the version that was checked what became of it since."""
    if not form.value("draft"):
        return
    number = _number(form.value("draft_version"))
    with suppress(*LEDGER_AWAY), mailroom().database.begin_at_once() as connection:
        draft = stored.find(connection, form.value("draft"))
        if draft is not None:
            versions.mark(connection, draft.id, number, reason)


def _uid(given: str) -> str:
    """Nothing, unless it is a UUID."""
    with suppress(ValueError):
        return str(uuid.UUID(given))
    return ""


def _number(given: str) -> int:
    """0, unless it is one."""
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else 0
