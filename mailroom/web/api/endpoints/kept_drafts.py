"""Drafts by the API: prepared, looked at, changed, deleted, and sent. People go on with them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from flask import Response, g
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.text.json_text import ROOM_FOR_MAILING
from mailroom.content.writing.converter import ConverterBusy
from mailroom.database.blobs import begin_with
from mailroom.engine.accept.acceptance import accept, answer_again
from mailroom.engine.accept.submission import Accepted
from mailroom.engine.templates import NoSuchTemplate, NotUsable, letter_in_use
from mailroom.ledger.drafts import stored
from mailroom.ledger.drafts.reach import drafts_for
from mailroom.ledger.drafts.room import DraftsFull
from mailroom.ledger.drafts.stored import ChangedElse, DraftSent, StoredDraft
from mailroom.ledger.lists import kept
from mailroom.ledger.lists.reach import lists_for
from mailroom.ledger.mailings import mailings
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.templates.reach import templates_for
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import drafts as draft_answers
from mailroom.web.api.answers import mails as answers
from mailroom.web.api.answers import shown
from mailroom.web.api.errors import ApiError, Unprocessable, not_found
from mailroom.web.api.idempotency import REPLAYED, conflicts
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.reach import ReachedDraft
from mailroom.web.api.requests.drafts import DraftPage, DraftRequest, DraftUpdateRequest
from mailroom.web.api.submitted.draft_fields import ATTACHED, writing_of
from mailroom.web.api.submitted.submissions import refuse, refuse_typed_sender
from mailroom.web.compose.list_choice import KEPT_LIST
from mailroom.web.drafts.opened import fields_of
from mailroom.web.drafts.sending import form_to_send, submission_of_draft
from mailroom.web.request.accepted import stands

FIELDS_SHOWN = {
    "from": "sender",
    **{name: name for name in ("reply_to", "headers", "text", "html", "purpose", "list", "template")},
}
"""What the form calls them."""


@operation(
    "POST",
    "/drafts",
    scope=api_keys.SEND,
    takes=DraftRequest,
    json_room=ROOM_FOR_MAILING,
    gives=draft_answers.ChangedDraftAnswer,
    errors=(404, 409, 413),
)
def create_draft() -> Response:
    """Prepare a draft.

    Nothing is sent. People find it among their drafts, can look at it, change it and send it; so can you.
    """
    key, asked = api_key(), body.read(DraftRequest)
    _check_template(key, asked.template)
    writing = writing_of(asked, MultiDict(), (), None)
    sizes = [blob.size for blob in writing.blobs.values()]
    with _told(), begin_with(mailroom().database, sizes) as connection:
        api_keys.check_valid(connection, key)
        draft = stored.add(connection, str(uuid.uuid4()), writing, program_id=key.program, name=asked.name)
    return answer(_changed(draft))


@operation(
    "GET",
    "/drafts",
    scope=api_keys.READ,
    query=DraftPage,
    gives=draft_answers.DraftListAnswer,
    errors=(404,),
)
def list_drafts() -> Response:
    """List drafts.

    Those of your program that are not sent, changed last first. For the next page, give the last id of this
    one as `after`.
    """
    asked, key = body.read_query(DraftPage), api_key()
    with mailroom().database.read() as connection:
        before = _place(connection, asked.after, key)
        found = stored.page(connection, drafts_for(key), limit=asked.limit + 1, before=before)
    some, more = asked.shown(found)
    listed = [
        {
            "id": one.uid,
            "name": one.name,
            "subject": one.subject,
            "recipients": one.recipients,
            "updated_at": shown.instant(one.updated_at),
        }
        for one in some
    ]
    return answer({"object": "list", "has_more": more, "data": listed})


@operation("GET", "/drafts/{id}", scope=api_keys.READ, gives=draft_answers.DraftAnswer)
def get_draft(draft: ReachedDraft) -> Response:
    """Look at a draft.

    As it stands now, whoever wrote it.
    """
    with mailroom().database.read() as connection:
        found = draft.find(connection)
        fields = fields_of(connection, found, found.form)
        mailing = mailings.get(connection, found.mailing_id) if found.mailing_id is not None else None
    return answer(
        {
            **_changed(found),
            "name": found.name,
            "subject": found.subject,
            "recipients": found.recipients,
            **{name: fields.get(field) or None for name, field in FIELDS_SHOWN.items()},
            "attachments": [
                {"filename": file.filename, "content_type": file.content_type, "size": file.size}
                for file in found.form.files
                if file.field == ATTACHED
            ],
            "mailing_id": mailing.uid if mailing else None,
            "created_at": shown.instant(found.created_at),
            "updated_at": shown.instant(found.updated_at),
        }
    )


@operation(
    "PATCH",
    "/drafts/{id}",
    scope=api_keys.SEND,
    takes=DraftUpdateRequest,
    json_room=ROOM_FOR_MAILING,
    gives=draft_answers.ChangedDraftAnswer,
    errors=(409, 413),
)
def update_draft(draft: ReachedDraft) -> Response:
    """Change a draft.

    What it said until then may stay as a version. 409 when it is sent, or changed since your `revision`.
    """
    key, asked = api_key(), body.read(DraftUpdateRequest)
    _check_template(key, asked.template)
    with _told(), mailroom().database.begin() as connection:
        found = draft.find_to_change(connection)
        fields = fields_of(connection, found, found.form)
        refuse_typed_sender(key, fields.get("sender", ""))
        writing = writing_of(asked, fields, found.form.files, found.recipients)
        changed = stored.change(connection, found, writing, revision=asked.revision)
        if "name" in asked.model_fields_set:
            stored.rename(connection, found.id, asked.name)
    return answer(_changed(changed))


@operation("DELETE", "/drafts/{id}", scope=api_keys.SEND, gives=draft_answers.RemovedDraftAnswer)
def delete_draft(draft: ReachedDraft) -> Response:
    """Delete a draft.

    With its versions and files. A mailing that it became stays as it was sent.
    """
    with mailroom().database.begin_at_once() as connection:
        found = draft.find_to_change(connection)
        stored.remove(connection, found.id)
    return answer({"object": "draft", "id": found.uid, "deleted": True})


@operation(
    "POST",
    "/drafts/{id}/send",
    scope=api_keys.SEND,
    gives=answers.AcceptedMailingAnswer,
    errors=(409,),
)
def send_draft(draft: ReachedDraft) -> Response:
    """Send a draft.

    It becomes a mailing, and one only: whoever sends it again gets the same answer, with
    `Idempotent-Replayed: true`.
    """
    key = api_key()
    with mailroom().database.read() as connection:
        found = draft.find(connection)
        fields = fields_of(connection, found, found.form)
    with conflicts():
        accepted = _sent(found, fields, key)
    told = shown.accepted_mailing(accepted.uid, accepted.mailing_id, accepted.total, accepted.duplicates)
    return stands(answer(told, REPLAYED if accepted.replayed else None))


def _sent(draft: StoredDraft, fields: MultiDict[str, str], key: ApiKey) -> Accepted:
    if draft.mailing_id is not None:
        return answer_again(mailroom().database, draft.mailing_id)
    template = _template(key, fields.get("template", ""))
    _check_list(key, fields.get(KEPT_LIST, ""))
    form = form_to_send(draft, fields, f"program-{key.program}")
    built = submission_of_draft(form, g.started, template)
    if form.is_for_later:
        raise ConverterBusy
    refuse(key, built.content, form.problems)
    made = replace(built, user_id=key.user_id, program_id=key.program, key_id=key.id)
    return accept(mailroom().database, mailroom().queue, made)


def _check_template(key: ApiKey, named: str | None) -> None:
    """Raises ApiError for one that the key may not use."""
    _template(key, named or "")


def _check_list(key: ApiKey, named: str) -> None:
    """Raises ApiError for one that the key may not send to, whoever chose it in the draft."""
    if not named.strip():
        return
    with mailroom().database.read() as connection:
        chosen = kept.find(connection, named.strip())
        if chosen and kept.find(connection, chosen.uid, lists_for(key)) is None:
            raise not_found("List")


def _template(key: ApiKey, named: str) -> TemplateLetter | None:
    if not named.strip():
        return None
    try:
        with mailroom().database.read() as connection:
            return letter_in_use(connection, named.strip(), templates_for(key), program_id=key.program)
    except NoSuchTemplate:
        raise not_found("Template") from None
    except NotUsable as reason:
        raise Unprocessable(f"`template`: {reason}") from None


def _changed(draft: StoredDraft) -> dict[str, object]:
    path = f"/drafts/{draft.uid}"
    return {"object": "draft", "id": draft.uid, "revision": draft.revision, "path": path}


def _place(connection: Connection, uid: UUID | None, key: ApiKey) -> tuple[datetime, int] | None:
    """Where an id of the query stands in the list."""
    if uid is None:
        return None
    found = ReachedDraft(uid, key).find(connection)
    return found.updated_at, found.id


@contextmanager
def _told() -> Iterator[None]:
    """Says in the API's words why nothing was kept."""
    try:
        yield
    except DraftsFull as full:
        raise ApiError(409, "validation_error", str(full)) from None
    except DraftSent:
        raise ApiError(409, "validation_error", "This draft was sent: its mailing stays as it is.") from None
    except ChangedElse:
        message = "This draft was changed since the revision that you saw. Nothing was changed now."
        raise ApiError(409, "validation_error", message) from None
