"""/lists: recipients that are kept; looked at, searched, made, changed, removed, taken off, as a file."""

from __future__ import annotations

from uuid import UUID

import structlog
from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.engine.lists import removing
from mailroom.engine.lists.reading import why_not
from mailroom.ledger.lists import kept, lease, members
from mailroom.ledger.lists.kept import KeptList, NameTaken
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.ledger.lists.members import MEMBERS_AT_ONCE
from mailroom.ledger.people import sign_ins
from mailroom.web import mailroom
from mailroom.web.csv_export import download
from mailroom.web.layout.filters import count
from mailroom.web.list_export import lines_of_list
from mailroom.web.lists.list_form import LIST_OVERTAKEN, ListForm, as_of_list, typed_list
from mailroom.web.request import gate
from mailroom.web.request.gate import user
from mailroom.web.request.ids import number
from mailroom.web.request.searched import searched_words

blueprint = Blueprint("lists", __name__, url_prefix="/lists")

LISTS_PAGE_SIZE = 50
MEMBERS_PAGE_SIZE = 50
COLUMNS_SHOWN = 8

log = structlog.get_logger()


@blueprint.get("")
def page() -> Response:
    return _index(ListForm())


def _index(form: ListForm) -> Response:
    after = request.args.get("after", type=number)
    with mailroom().database.read() as connection:
        found = kept.page(connection, limit=LISTS_PAGE_SIZE + 1, after_id=after)
    listed = found[:LISTS_PAGE_SIZE]
    body = render_template(
        "lists/index.html",
        form=form,
        listed=listed,
        after=after,
        next_after=listed[-1].id if len(found) > LISTS_PAGE_SIZE else None,
    )
    return make_response(body, 422 if form.problems else 200)


@blueprint.post("")
def create() -> Response:
    form = typed_list(request.form)
    if form.problems:
        return _index(form)
    try:
        with mailroom().database.begin() as connection:
            made = kept.add(connection, **form.columns, user_id=user().id)
    except NameTaken:
        form.refuse_taken()
        return _index(form)
    log.info("a list is made", user=user().id, list=made.uid)
    flash("The list is made. Nobody is on it yet.", "good")
    return to_list(made)


@blueprint.get("/<uuid:uid>")
def show(uid: UUID) -> Response:
    return _shown(uid, ListForm())


def _shown(uid: UUID, form: ListForm) -> Response:
    words, after = searched_words(), request.args.get("after", type=number)
    with mailroom().database.read_at_once() as connection:
        one = list_asked(connection, uid)
        if words:
            some, next_after = members.search(connection, one.id, words, after, MEMBERS_PAGE_SIZE)
        else:
            found = members.page(connection, one.id, after, MEMBERS_PAGE_SIZE + 1)
            some = found[:MEMBERS_PAGE_SIZE]
            next_after = some[-1].id if len(found) > MEMBERS_PAGE_SIZE else None
        is_ready = one.importing_until is None
        is_half_done = not is_ready and lease.is_half_done(connection, one)
    form.seen = form.seen or as_of_list(one)
    body = render_template(
        "lists/show.html",
        list=one,
        form=form,
        members=some,
        words=words,
        after=after,
        next_after=next_after,
        columns=one.columns[:COLUMNS_SHOWN],
        not_ready="" if is_ready else why_not(is_half_done=is_half_done),
    )
    return make_response(body, 422 if form.problems else 200)


@blueprint.post("/<uuid:uid>")
def change(uid: UUID) -> Response:
    """Its name, and whether it is shared."""
    form = typed_list(request.form)
    if not form.problems:
        try:
            with mailroom().database.begin() as connection:
                one = list_asked(connection, uid)
                if (form.name, form.is_shared) != (one.name, one.is_shared):
                    form.stop_if_overtaken(as_of_list(one), "name", LIST_OVERTAKEN)
                if not form.problems:
                    kept.change(connection, one, **form.columns)
            if not form.problems:
                flash("Changed.", "good")
                return to_list(one)
        except NameTaken:
            form.refuse_taken()
    return _shown(uid, form)


@blueprint.post("/<uuid:uid>/remove")
def remove(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        one = list_asked(connection, uid)
    try:
        removing.remove_list(mailroom().database, one)
    except ListIsBusy:
        flash(why_not(is_half_done=False), "warning")
        return to_list(one)
    log.info("a list is removed by hand", user=user().id, list=one.uid)
    flash("The list is removed. What was sent to it stays.", "good")
    return redirect(url_for(".page"), 303)


@blueprint.get("/<uuid:uid>/list.csv")
def as_csv(uid: UUID) -> Response:
    """Who is signed out meanwhile gets no more: the file breaks off."""
    with mailroom().database.read() as connection:
        one = list_asked(connection, uid)
    token = session[gate.TOKEN]

    def go_on(connection: Connection) -> None:
        if sign_ins.find(connection, token) is None:
            abort(401)

    return download(lines_of_list(mailroom().database, one, go_on), "list.csv")


@blueprint.post("/<uuid:uid>/take-off")
def take_off(uid: UUID) -> Response:
    """Those who were chosen in the table."""
    chosen = request.form.getlist("address")[:MEMBERS_AT_ONCE]
    with mailroom().database.begin_at_once() as connection:
        one = list_asked(connection, uid)
        gone = removing.take_off(connection, one, [address.lower() for address in chosen])
    flash(f"{count(gone, 'recipient')} taken off." if gone else "Choose who is to be taken off.", "good")
    return redirect(url_for(".show", uid=uid, q=request.form.get("q") or None), 303)


def list_asked(connection: Connection, uid: UUID) -> KeptList:
    found = kept.find(connection, str(uid))
    return found if found is not None and found.uid == str(uid) else abort(404)


def to_list(one: KeptList) -> Response:
    return redirect(url_for(".show", uid=one.uid), 303)
