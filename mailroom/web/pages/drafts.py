"""/drafts: mailings that are being written; go on, rename, copy, delete, look at what they were, go back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from uuid import UUID

import structlog
from flask import (
    Blueprint,
    abort,
    flash,
    get_template_attribute,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_wtf.csrf import CSRFError, generate_csrf
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from mailroom.content.templates.template_letter import name_of_copy
from mailroom.content.text.characters import misplaced
from mailroom.ledger.drafts import stored, versions
from mailroom.ledger.drafts.kept_fields import DraftFile, KeptFields
from mailroom.ledger.drafts.room import DRAFT_KEPT, MOST_DRAFTS, MOST_OF_DRAFTS, DraftsFull
from mailroom.ledger.drafts.stored import DraftSent, StoredDraft
from mailroom.ledger.schema import drafts as drafts_table
from mailroom.web import mailroom
from mailroom.web.compose.compose_form import chosen
from mailroom.web.drafts import saving
from mailroom.web.drafts.differences import changed_fields, differences
from mailroom.web.drafts.kept_form_files import DraftUploads
from mailroom.web.drafts.opened import fields_of, opened
from mailroom.web.drafts.saving import SavedDraft
from mailroom.web.layout.filters import iso, size
from mailroom.web.pages import compose
from mailroom.web.request import errors, origin
from mailroom.web.request.gate import user
from mailroom.web.request.negotiation import wants_page

blueprint = Blueprint("drafts", __name__, url_prefix="/drafts")

DRAFTS_PAGE_SIZE = 50
SENT_ALREADY = "It was sent already: a mailing stays as it is."

log = structlog.get_logger()


@blueprint.get("")
def page() -> str:
    is_of_all = request.args.get("of") == "all"
    mine = (drafts_table.c.user_id == user().id) | drafts_table.c.program_id.is_not(None)
    before = _place(request.args.get("before", ""))
    with mailroom().database.read() as connection:
        reach = stored.EVERY_DRAFT if is_of_all else mine
        found = stored.page(connection, reach, limit=DRAFTS_PAGE_SIZE + 1, before=before)
    listed = found[:DRAFTS_PAGE_SIZE]
    last = listed[-1] if len(found) > DRAFTS_PAGE_SIZE else None
    return render_template(
        "drafts/index.html",
        listed=listed,
        is_of_all=is_of_all,
        before=before,
        next_before=f"{iso(last.updated_at)}_{last.id}" if last else None,
        days=DRAFT_KEPT.days,
        most=MOST_DRAFTS,
        most_octets=MOST_OF_DRAFTS,
    )


@blueprint.post("")
def save() -> Response:
    """Keeps the compose form: 303 to it, or JSON for its script; 409 when it is kept beside another."""
    try:
        saved = saving.save(compose.uploads())
    except DraftsFull as full:
        return _answer(422, "drafts_full", f"This is not kept. {full}")
    if wants_page():
        flash(saved.why or "The draft is kept.", "warning" if saved.beside else "good")
        return redirect(url_for(".show", uid=saved.draft.uid), 303)
    return make_response(jsonify(_as_json(saved)), 409 if saved.beside else 200)


def _as_json(saved: SavedDraft) -> dict[str, object]:
    said: dict[str, object] = {
        "draft": saved.draft.uid,
        "revision": saved.draft.revision,
        "path": url_for(".show", uid=saved.draft.uid),
        "kept_files": _kept_files(saved.draft.form.files),
    }
    if saved.beside:
        said |= {"statusCode": 409, "name": "draft_changed", "message": saved.why}
        said |= {"other": url_for(".show", uid=saved.beside.uid)}
    return said


def _kept_files(files: tuple[DraftFile, ...]) -> dict[str, str]:
    """What stands in place of the files that came with this request, by their field."""
    shown = get_template_attribute("compose/fields.html", "kept_file")
    kept, there = compose.uploads(), {token for _, token in request.form.items(multi=True)}
    html: dict[str, str] = {}
    for file in files:
        if file.token not in there and (upload := kept.find(file.token)):
            field = file.field.removeprefix("kept_")
            html[field] = html.get(field, "") + shown(file.field, chosen(upload), size(file.size))
    return html


@blueprint.get("/<uuid:uid>")
def show(uid: UUID) -> Response:
    """The form as it was left."""
    with mailroom().database.read() as connection:
        draft = _draft(connection, uid)
        fields = fields_of(connection, draft, draft.form)
    if draft.mailing_id is not None:
        return redirect(url_for(".history", uid=uid), 303)
    kept = DraftUploads(mailroom().settings.home, user().id, mailroom().database, draft.uid)
    form = opened(draft, fields, kept)
    return compose.with_its_list(form) if form.recipients_file else compose.shown(form, 200)


@blueprint.post("/<uuid:uid>/rename")
def rename(uid: UUID) -> Response:
    name = " ".join(request.form.get("name", "").split())
    if reason := misplaced(name):
        flash(f"It keeps its name: the new one {reason}.", "error")
        return redirect(url_for(".history", uid=uid), 303)
    with mailroom().database.begin_at_once() as connection:
        stored.rename(connection, _draft(connection, uid).id, name)
    flash("It has its new name." if name else "It is called as its subject is.", "good")
    return redirect(url_for(".history", uid=uid), 303)


@blueprint.post("/<uuid:uid>/duplicate")
def duplicate(uid: UUID) -> Response:
    copy = str(uuid.uuid4())
    try:
        with mailroom().database.begin_at_once() as connection:
            draft = _draft(connection, uid)
            stored.duplicate(connection, draft, copy, user().id, name_of_copy(draft.title))
    except DraftsFull as full:
        flash(f"There is no copy. {full}", "error")
        return redirect(url_for(".page"), 303)
    flash("This is the copy.", "good")
    return redirect(url_for(".show", uid=copy), 303)


@blueprint.post("/<uuid:uid>/remove")
def remove(uid: UUID) -> Response:
    with mailroom().database.begin_at_once() as connection:
        stored.remove(connection, _draft(connection, uid).id)
    log.info("a draft is deleted", user=user().id, draft=str(uid))
    flash("The draft is deleted, with its versions and files.", "good")
    return redirect(url_for(".page"), 303)


@blueprint.get("/<uuid:uid>/versions")
def history(uid: UUID) -> str:
    """What it was before, newest first, and in which fields each differs from the one before it."""
    with mailroom().database.read() as connection:
        draft = _draft(connection, uid)
        known = versions.versions_of_draft(connection, draft.id)
    before = {one.number + 1: one.form for one in known}
    listed = [(one, changed_fields(before.get(one.number, one.form), one.form)) for one in known]
    return render_template("drafts/versions.html", draft=draft, versions=listed)


@blueprint.get("/<uuid:uid>/versions/<int:number>")
def version(uid: UUID, number: int) -> str:
    """What it said then, and what had changed by then, or has since."""
    with mailroom().database.read() as connection:
        draft = _draft(connection, uid)
        one = versions.version_of_draft(connection, draft.id, number) or abort(404)
        before = versions.version_of_draft(connection, draft.id, number - 1)
        was = _said(connection, draft, before.form if before else KeptFields())
        is_ = _said(connection, draft, one.form)
        now = _said(connection, draft, draft.form)
    return render_template(
        "drafts/version.html",
        draft=draft,
        version=one,
        changed=differences(was, is_) if before else [],
        since=differences(is_, now),
        fields=is_[0],
        files=one.form.files,
    )


def _said(
    connection: Connection, draft: StoredDraft, form: KeptFields
) -> tuple[MultiDict[str, str], tuple[DraftFile, ...]]:
    return fields_of(connection, draft, form), form.files


@blueprint.post("/<uuid:uid>/versions/<int:number>/restore")
def restore(uid: UUID, number: int) -> Response:
    """Makes the draft what it was then; what it is now stays as a version."""
    try:
        with mailroom().database.begin_at_once() as connection:
            draft = _draft(connection, uid, to_change=True)
            if not stored.restore(connection, draft, number, user().id):
                abort(404)
    except DraftSent:
        flash(SENT_ALREADY, "error")
        return redirect(url_for(".history", uid=uid), 303)
    flash(f"The draft is what version {number} was. What it was until now is a version, too.", "good")
    return redirect(url_for(".show", uid=uid), 303)


def _draft(connection: Connection, uid: UUID, *, to_change: bool = False) -> StoredDraft:
    return stored.find(connection, str(uid), to_change=to_change) or abort(404)


def _place(given: str) -> tuple[datetime, int] | None:
    at, _, draft_id = given.partition("_")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(draft_id[:18])
    except (ValueError, OverflowError):
        return None


def _answer(status: int, name: str, message: str, **more: str) -> Response:
    if wants_page():
        return errors.answer(status, "It could not be kept", message)
    return make_response(jsonify({"statusCode": status, "name": name, "message": message, **more}), status)


@blueprint.errorhandler(CSRFError)
def expired(error: CSRFError) -> Response:
    """For the form's script a fresh token, as it is one of our own pages; else the form as typed."""
    if request.endpoint != "drafts.save":
        return errors.refused(origin.of_token(error))
    if wants_page():
        return compose.with_a_fresh_token()
    message = "This page was open for too long."
    return _answer(400, origin.TOO_OLD.name, message, csrf_token=generate_csrf())
