"""/lists: recipients that are kept; look, search, add, change, take off, import, export, make of some."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

import structlog
from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.lists.conditions import COLUMNS_OF_EVERYBODY, COMPARISON_WORDS, unknown_columns
from mailroom.content.lists.list_values import ValuesTooLong
from mailroom.content.lists.newcomers import TooManyColumns
from mailroom.database.together import Together
from mailroom.engine.lists import importing, making, removing
from mailroom.engine.lists.importing import ListHasChanged
from mailroom.engine.lists.reading import why_not
from mailroom.ledger import suppressions
from mailroom.ledger.deliveries.outcomes import NOT_BOUNCED, OUTCOMES, with_outcome
from mailroom.ledger.deliveries.search import of_address
from mailroom.ledger.lists import consent, kept, lease, members
from mailroom.ledger.lists.kept import KeptList, NameTaken
from mailroom.ledger.lists.lease import ListIsBusy
from mailroom.ledger.lists.members import MEMBERS_AT_ONCE, Member
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.people import sign_ins
from mailroom.web import mailroom
from mailroom.web.compose.uploads import Uploads
from mailroom.web.csv_export import download
from mailroom.web.layout.filters import count
from mailroom.web.list_export import lines_of_list
from mailroom.web.lists.conditions_form import rows_to_show, typed_conditions
from mailroom.web.lists.import_form import ImportForm, blank_import, read_import
from mailroom.web.lists.list_form import ListForm, typed_list
from mailroom.web.lists.member_form import MemberForm, form_of_member, newcomer_of
from mailroom.web.request import gate
from mailroom.web.request.gate import user
from mailroom.web.request.ids import number
from mailroom.web.request.searched import searched_words

blueprint = Blueprint("lists", __name__, url_prefix="/lists")

LISTS_PAGE_SIZE = 50
MEMBERS_PAGE_SIZE = 50
COLUMNS_SHOWN = 8
VALUES_SHOWN = 200
FITTING_SHOWN = 20
MAILED_SHOWN = 50

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
    return _to(made)


@blueprint.get("/<uuid:uid>")
def show(uid: UUID) -> Response:
    return _shown(uid, ListForm())


def _shown(uid: UUID, form: ListForm) -> Response:
    words, after = searched_words(), request.args.get("after", type=number)
    with mailroom().database.read_at_once() as connection:
        one = _list(connection, uid)
        if words:
            some, next_after = members.search(connection, one.id, words, after, MEMBERS_PAGE_SIZE)
        else:
            found = members.page(connection, one.id, after, MEMBERS_PAGE_SIZE + 1)
            some = found[:MEMBERS_PAGE_SIZE]
            next_after = some[-1].id if len(found) > MEMBERS_PAGE_SIZE else None
        is_ready = one.importing_until is None
        is_half_done = not is_ready and lease.is_half_done(connection, one)
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
                one = _list(connection, uid)
                kept.change(connection, one.id, **form.columns)
            flash("Changed.", "good")
            return _to(one)
        except NameTaken:
            form.refuse_taken()
    return _shown(uid, form)


@blueprint.post("/<uuid:uid>/remove")
def remove(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        one = _list(connection, uid)
    try:
        removing.remove_list(mailroom().database, one)
    except ListIsBusy:
        flash(why_not(is_half_done=False), "warning")
        return _to(one)
    log.info("a list is removed by hand", user=user().id, list=one.uid)
    flash("The list is removed. What was sent to it stays.", "good")
    return redirect(url_for(".page"), 303)


@blueprint.get("/<uuid:uid>/list.csv")
def as_csv(uid: UUID) -> Response:
    """Who is signed out meanwhile gets no more: the file breaks off."""
    with mailroom().database.read() as connection:
        one = _list(connection, uid)
    token = session[gate.TOKEN]

    def go_on(connection: Connection) -> None:
        if sign_ins.find(connection, token) is None:
            abort(401)

    return download(lines_of_list(mailroom().database, one, go_on), "list.csv")


@blueprint.post("/<uuid:uid>/take-off")
def take_off(uid: UUID) -> Response:
    """Those who were chosen in the table."""
    chosen = request.form.getlist("address")[:MEMBERS_AT_ONCE]
    with mailroom().database.read() as connection:
        one = _list(connection, uid)
    gone = removing.take_off(mailroom().database, one, [address.lower() for address in chosen])
    flash(f"{count(gone, 'recipient')} taken off." if gone else "Choose who is to be taken off.", "good")
    return redirect(url_for(".show", uid=uid, q=request.form.get("q") or None), 303)


@blueprint.get("/<uuid:uid>/recipients/new")
def new_member(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        return _asked(_list(connection, uid), MemberForm())


@blueprint.post("/<uuid:uid>/recipients")
def add_member(uid: UUID) -> Response:
    form = MemberForm(request.form)
    with mailroom().database.begin() as connection:
        one = _list(connection, uid)
        newcomer = newcomer_of(form, one.columns, None)
        if newcomer and members.find(connection, one.id, newcomer.key):
            form.refuse("address", "This address is on the list already.")
        elif newcomer:
            try:
                importing.put(connection, one, newcomer)
            except (TooManyColumns, ValuesTooLong) as reason:
                form.refuse("new_column", str(reason))
    if form.problems or newcomer is None:
        return _asked(one, form)
    flash(f"{newcomer.address} is on the list.", "good")
    return _to(one)


@blueprint.get("/<uuid:uid>/recipients/<int:member_id>")
def show_member(uid: UUID, member_id: int) -> Response:
    with mailroom().database.read_at_once() as connection:
        one, member = _member(connection, uid, member_id)
        return _shown_member(connection, one, member, form_of_member(member))


@blueprint.post("/<uuid:uid>/recipients/<int:member_id>")
def change_member(uid: UUID, member_id: int) -> Response:
    """Name, values, and what is stated of their consent."""
    form = MemberForm(request.form)
    with mailroom().database.begin() as connection:
        one, member = _member(connection, uid, member_id)
        newcomer = newcomer_of(form, one.columns, member)
        if newcomer:
            try:
                changes = importing.put(connection, one, newcomer, replaces=True)
            except (TooManyColumns, ValuesTooLong) as reason:
                form.refuse("new_column", str(reason))
        if form.problems or newcomer is None:
            return _shown_member(connection, one, member, form)
    if newcomer.consent and not changes.consents:
        flash("A newer fact of consent is known already: it holds.", "warning")
    elif changes.changed:
        flash("Changed.", "good")
    return redirect(url_for(".show_member", uid=uid, member_id=member_id), 303)


@blueprint.post("/<uuid:uid>/recipients/<int:member_id>/remove")
def remove_member(uid: UUID, member_id: int) -> Response:
    with mailroom().database.read() as connection:
        one, member = _member(connection, uid, member_id)
    removing.take_off(mailroom().database, one, [member.address_key])
    flash(f"{member.address} is not on the list any more.", "good")
    return _to(one)


@blueprint.get("/<uuid:uid>/import")
def begin_import(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        return _importing(_list(connection, uid), blank_import(), 200)


@blueprint.post("/<uuid:uid>/import")
def import_list(uid: UUID) -> Response:
    """Says what would change; with `agreed`, which is what was said, does it."""
    with mailroom().database.read() as connection:
        one = _list(connection, uid)
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
    return _to(one)


@blueprint.get("/<uuid:uid>/some")
def some(uid: UUID) -> Response:
    return _some(uid, ListForm())


def _some(uid: UUID, form: ListForm) -> Response:
    """Those of a list for whom the conditions hold: how many, and the first of them."""
    conditions = typed_conditions(request.values)
    with mailroom().database.read() as connection:
        one = _list(connection, uid)
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
        source = _list(connection, uid)
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
    return _to(made)


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
    return _to(made)


def _asked(one: KeptList, form: MemberForm) -> Response:
    body = render_template("lists/new_member.html", list=one, form=form, columns=one.columns[:VALUES_SHOWN])
    return make_response(body, 422 if form.problems else 200)


def _shown_member(connection: Connection, one: KeptList, member: Member, form: MemberForm) -> Response:
    before, reads = request.args.get("before", type=number), Together(connection)
    mail = reads.ask(of_address, member.address_key, before, MAILED_SHOWN + 1)
    held = reads.ask(consent.history, member.id)
    suppressed = reads.ask(suppressions.of_address, member.address_key)
    names = reads.ask(members.lists_with, member.address_key)
    mailed = mail()
    body = render_template(
        "lists/member.html",
        list=one,
        member=member,
        form=form,
        columns=one.columns[:VALUES_SHOWN],
        history=held(),
        suppressed=suppressed(),
        reasons=suppressions.REASON_SENTENCES,
        also_on=[name for name in names() if name != one.name],
        mailed=mailed[:MAILED_SHOWN],
        before=before,
        next_before=mailed[MAILED_SHOWN - 1][0].id if len(mailed) > MAILED_SHOWN else None,
    )
    return make_response(body, 422 if form.problems else 200)


def _importing(one: KeptList, found: ImportForm, status: int) -> Response:
    limit = request.max_content_length or 0
    body = render_template("lists/import.html", list=one, found=found, form=found.form, limit=limit)
    return make_response(body, status)


def _list(connection: Connection, uid: UUID) -> KeptList:
    found = kept.find(connection, str(uid))
    return found if found is not None and found.uid == str(uid) else abort(404)


def _member(connection: Connection, uid: UUID, member_id: int) -> tuple[KeptList, Member]:
    reads = Together(connection)
    found, member = reads.ask(_list, uid), reads.ask(members.get, member_id)
    one, its = found(), member()
    return (one, its) if its is not None and its.list_id == one.id else abort(404)


def _uploads() -> Uploads:
    return Uploads(mailroom().settings.home, user().id)


def _to(one: KeptList) -> Response:
    return redirect(url_for(".show", uid=one.uid), 303)
