"""/lists/<uid>/import: a file comes into a list; what it would change is told first."""

from __future__ import annotations

from uuid import UUID

from flask import flash, make_response, render_template, request
from werkzeug.wrappers import Response

from mailroom.content.lists.list_values import ValuesTooLong
from mailroom.engine.lists import importing
from mailroom.engine.lists.importing import ListHasChanged
from mailroom.engine.lists.reading import why_not
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.web import mailroom
from mailroom.web.compose.uploads import Uploads
from mailroom.web.lists.import_form import ImportForm, blank_import, read_import
from mailroom.web.pages.lists import blueprint, list_asked, to_list
from mailroom.web.request.gate import user


@blueprint.get("/<uuid:uid>/import")
def begin_import(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        return _importing(list_asked(connection, uid), blank_import(), 200)


@blueprint.post("/<uuid:uid>/import")
def import_list(uid: UUID) -> Response:
    """Says what would change; with `agreed`, which is what was said, does it."""
    with mailroom().database.read() as connection:
        one = list_asked(connection, uid)
    found = read_import(mailroom().database, one, _uploads())
    if found.changes is None or found.newcomers is None:
        return _importing(one, found, 422)
    if "import" not in request.form or found.agreed is None:
        return _importing(one, found, 200)
    try:
        done = importing.import_into(mailroom().database, one, found.newcomers, found.wish, found.agreed)
    except ListHasChanged:
        found.form.refuse("import", "What would change is not what it was: look at it again.")
    except ListIsBusy:
        found.form.refuse("import", why_not(is_half_done=False))
    except ValuesTooLong as reason:
        found.form.refuse("import", str(reason))
    if found.form.problems:
        return _importing(one, found, 409)
    _uploads().drop(file.kept for file in found.form.files if file.kept)
    flash(f"{done.added:,} added, {done.changed:,} changed, {done.removed:,} removed.", "good")
    return to_list(one)


def _importing(one: KeptList, found: ImportForm, status: int) -> Response:
    limit = request.max_content_length or 0
    body = render_template("lists/import.html", list=one, found=found, form=found.form, limit=limit)
    return make_response(body, status)


def _uploads() -> Uploads:
    return Uploads(mailroom().settings.home, user().id)
