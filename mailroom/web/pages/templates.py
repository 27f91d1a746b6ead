"""/templates: letters that are kept; write, look at, publish, copy, go back to a version, delete."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import structlog
from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.merge.plain import MergeError
from mailroom.content.templates.filling import FilledLetter
from mailroom.content.templates.letterhead import LETTERHEAD
from mailroom.content.templates.own_texts import OwnTexts, filled_with
from mailroom.content.templates.template_letter import TemplateLetter, letter_of, name_of_copy
from mailroom.ledger.templates import stored, versions
from mailroom.ledger.templates.stored import AliasTaken, StoredTemplate
from mailroom.web import mailroom
from mailroom.web.letter_frame import FRAME_HEADERS, framed
from mailroom.web.request.errors import LATER
from mailroom.web.request.gate import user
from mailroom.web.request.ids import number
from mailroom.web.templates.examples import example_values, wanted_by
from mailroom.web.templates.template_form import TemplateForm, form_of, form_with, typed_form

blueprint = Blueprint("templates", __name__, url_prefix="/templates")

TEMPLATES_PAGE_SIZE = 50
MOST_EXAMPLES = 50
LONGEST_EXAMPLE = 2_000

log = structlog.get_logger()


@blueprint.get("")
def page() -> str:
    after = request.args.get("after", type=number)
    with mailroom().database.read() as connection:
        found = stored.page(connection, limit=TEMPLATES_PAGE_SIZE + 1, after_id=after)
    listed = found[:TEMPLATES_PAGE_SIZE]
    return render_template(
        "templates/index.html",
        listed=listed,
        after=after,
        next_after=listed[-1].id if len(found) > TEMPLATES_PAGE_SIZE else None,
    )


@blueprint.get("/new")
def new() -> Response:
    """An empty form, or one with the letterhead that `start` asks for."""
    start = request.args.get("start") == "letterhead"
    return _asked(form_with("Letterhead", None, LETTERHEAD) if start else TemplateForm())


@blueprint.post("")
def create() -> Response:
    form = typed_form(request.form)
    letter = form.letter()
    if form.problems:
        return _asked(form)
    try:
        with mailroom().database.begin_at_once() as connection:
            uid = stored.add(connection, form.name, letter.as_json(), alias=form.alias, user_id=user().id)
            if _is_to_be_published():
                template = stored.find(connection, uid)
                assert template is not None
                versions.publish(connection, template, user().id)
    except AliasTaken:
        return _asked(_alias_taken(form))
    log.info("a template is made", user=user().id, template=uid)
    flash("The template is published." if _is_to_be_published() else "The draft is kept.", "good")
    return _to(uid)


@blueprint.get("/<uuid:uid>")
def show(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        template = _template(connection, uid)
    return _shown(template, form_of(template))


@blueprint.post("/<uuid:uid>")
def change(uid: UUID) -> Response:
    """Keeps the draft, and publishes it when that was pressed."""
    form = typed_form(request.form)
    letter = form.letter()
    try:
        with mailroom().database.begin_at_once() as connection:
            template = _template(connection, uid, to_change=True)
            kept = letter.as_json()
            form.stop_if_overtaken(template, kept)
            if not form.problems:
                stored.change(connection, template, name=form.name, alias=form.alias, letter=kept)
                if _is_to_be_published():
                    versions.publish(connection, template, user().id)
    except AliasTaken:
        _alias_taken(form)
    if form.problems:
        return _shown(template, form)
    log.info("a template is changed", user=user().id, template=str(uid), published=_is_to_be_published())
    flash("The template is published." if _is_to_be_published() else "The draft is kept.", "good")
    return _to(str(uid))


@blueprint.post("/<uuid:uid>/duplicate")
def duplicate(uid: UUID) -> Response:
    with mailroom().database.begin_at_once() as connection:
        template = _template(connection, uid)
        copy = stored.add(connection, name_of_copy(template.name), template.letter, user_id=user().id)
    flash("This is the copy, a draft.", "good")
    return _to(copy)


@blueprint.post("/<uuid:uid>/remove")
def remove(uid: UUID) -> Response:
    with mailroom().database.begin_at_once() as connection:
        template = _template(connection, uid)
        stored.remove(connection, template.id)
    log.info("a template is deleted", user=user().id, template=str(uid))
    flash("The template is deleted. What was sent with it stays as it was.", "good")
    return redirect(url_for(".page"), 303)


@blueprint.post("/<uuid:uid>/versions/<int:version>/restore")
def restore(uid: UUID, version: int) -> Response:
    """Makes that version the draft again."""
    with mailroom().database.begin_at_once() as connection:
        template = _template(connection, uid)
        earlier = versions.version(connection, template.id, version) or abort(404)
        stored.change(connection, template, name=template.name, alias=template.alias, letter=earlier.letter)
    flash(f"The draft says what version {version} says. Publish it to send it.", "good")
    return _to(str(uid))


@blueprint.get("/<uuid:uid>/preview")
def preview(uid: UUID) -> Response:
    """The draft, or the `version` asked for, filled with example values; locked into a sandbox of its own."""
    with mailroom().database.read() as connection:
        template = _template(connection, uid)
        version = request.args.get("version", type=number)
        kept = versions.version(connection, template.id, version) if version else None
        if version and kept is None:
            abort(404)
    said = _example(letter_of(kept.letter if kept else template.letter))
    if request.args.get("part") == "text" or not said.html.strip():
        body = f"{said.subject}\n\n{said.text}"
        return make_response(body, FRAME_HEADERS | {"Content-Type": "text/plain; charset=utf-8"})
    return framed(said.html, ())


def _example(letter: TemplateLetter) -> FilledLetter:
    given = {
        name.removeprefix("value_"): value[:LONGEST_EXAMPLE]
        for name, value in list(request.args.items())[:MOST_EXAMPLES]
        if name.startswith("value_")
    }
    try:
        return filled_with(letter, OwnTexts(), example_values(letter, given))
    except MergeError as trouble:
        return FilledLetter("", str(trouble), "")


def _asked(form: TemplateForm) -> Response:
    return make_response(render_template("templates/new.html", form=form), *_status(form))


def _shown(template: StoredTemplate, form: TemplateForm) -> Response:
    with mailroom().database.read() as connection:
        kept = versions.versions_of(connection, template.id)
    letter = letter_of(template.letter)
    body = render_template(
        "templates/show.html",
        template=template,
        form=form,
        versions=kept,
        wanted=wanted_by(letter)[:MOST_EXAMPLES],
        examples=example_values(letter, {}),
    )
    return make_response(body, *_status(form))


def _status(form: TemplateForm) -> tuple[int, Mapping[str, str]]:
    status = form.refusal if form.problems else 200
    return status, LATER if status == 503 else {}


def _is_to_be_published() -> bool:
    return "publish" in request.form


def _alias_taken(form: TemplateForm) -> TemplateForm:
    form.refuse("alias", "Another template has this alias.")
    return form


def _template(connection: Connection, uid: UUID, *, to_change: bool = False) -> StoredTemplate:
    return stored.find(connection, str(uid), to_change=to_change) or abort(404)


def _to(uid: str) -> Response:
    return redirect(url_for(".show", uid=uid), 303)
