"""/lists/<uid>/some, /lists/of-mailing/<id>: a list is made of some who are on another, or got a mailing."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

from flask import abort, flash, make_response, render_template, request
from werkzeug.wrappers import Response

from mailroom.content.lists.conditions import COLUMNS_OF_EVERYBODY, COMPARISON_WORDS, unknown_columns
from mailroom.engine.lists import making
from mailroom.ledger.deliveries.outcomes import NOT_BOUNCED, OUTCOMES, with_outcome
from mailroom.ledger.lists.kept import NameTaken
from mailroom.ledger.mailings import contents, mailings
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.lists.conditions_form import rows_to_show, typed_conditions
from mailroom.web.lists.list_form import ListForm, typed_list
from mailroom.web.pages.lists import COLUMNS_SHOWN, blueprint, list_asked, to_list
from mailroom.web.request.gate import user

FITTING_SHOWN = 20


@blueprint.get("/<uuid:uid>/some")
def some(uid: UUID) -> Response:
    return _some(uid, ListForm())


def _some(uid: UUID, form: ListForm) -> Response:
    """Those of a list for whom the conditions hold: how many, and the first of them."""
    conditions = typed_conditions(request.values)
    with mailroom().database.read() as connection:
        one = list_asked(connection, uid)
        unknown = unknown_columns(conditions, one.columns)
        fitting = making.fitting(connection, one.id, conditions) if conditions and not unknown else iter(())
        first = list(islice(fitting, FITTING_SHOWN))
        total = len(first) + sum(1 for _ in fitting)
    body = render_template(
        "lists/some.html",
        list=one,
        form=form,
        conditions=conditions,
        rows=rows_to_show(conditions),
        comparisons=COMPARISON_WORDS,
        choices=[*COLUMNS_OF_EVERYBODY, *one.columns],
        columns=one.columns[:COLUMNS_SHOWN],
        first=first,
        total=total,
    )
    return make_response(body, 422 if form.problems else 200)


@blueprint.post("/<uuid:uid>/some")
def make_of_some(uid: UUID) -> Response:
    form, conditions = typed_list(request.form), typed_conditions(request.form)
    with mailroom().database.read() as connection:
        source = list_asked(connection, uid)
    if not conditions or unknown_columns(conditions, source.columns):
        form.refuse("column", "Choose a column of the list.")
    if form.problems:
        return _some(uid, form)
    try:
        made = making.from_list(mailroom().database, source, conditions, form.new(user().id))
    except NameTaken:
        form.refuse_taken()
        return _some(uid, form)
    flash(f"{count(made.total, 'recipient')} of {source.name} are on it.", "good")
    return to_list(made)


@blueprint.get("/of-mailing/<int:mailing_id>")
def of_mailing(mailing_id: int) -> Response:
    """A list of a mailing's recipients who have an outcome: which, and how many these are."""
    return _of_mailing(mailing_id, ListForm())


def _of_mailing(mailing_id: int, form: ListForm) -> Response:
    chosen = request.values.get("outcome", "")
    with mailroom().database.read() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
        total = sum(1 for _ in with_outcome(connection, mailing_id, chosen)) if chosen in OUTCOMES else None
    body = render_template(
        "lists/of_mailing.html",
        mailing=mailing,
        form=form,
        chosen=chosen,
        total=total,
        outcomes=[NOT_BOUNCED, *(one for one in OUTCOMES if one != NOT_BOUNCED)],
        not_bounced=NOT_BOUNCED,
    )
    return make_response(body, 422 if form.problems else 200)


@blueprint.post("/of-mailing/<int:mailing_id>")
def make_of_mailing(mailing_id: int) -> Response:
    form, outcome = typed_list(request.form), request.form.get("outcome", "")
    with mailroom().database.read() as connection:
        _ = mailings.get(connection, mailing_id) or abort(404)
        content = contents.of(connection, mailing_id)
    if outcome not in OUTCOMES:
        form.refuse("outcome", "Choose who.")
    if form.problems:
        return _of_mailing(mailing_id, form)
    columns, new = content.columns if content else (), form.new(user().id)
    try:
        made = making.from_mailing(mailroom().database, mailing_id, outcome, columns, new)
    except NameTaken:
        form.refuse_taken()
        return _of_mailing(mailing_id, form)
    flash(f"{count(made.total, 'recipient')} of the mailing are on it.", "good")
    return to_list(made)
