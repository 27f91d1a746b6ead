"""/lists/<uid>/recipients: who is on a list; added, looked at, changed, removed."""

from __future__ import annotations

from uuid import UUID

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.lists.list_values import ValuesTooLong
from mailroom.content.lists.newcomers import TooManyColumns
from mailroom.database.together import Together
from mailroom.engine.lists import importing, removing
from mailroom.ledger import suppressions
from mailroom.ledger.deliveries.search import of_address
from mailroom.ledger.lists import consent, members
from mailroom.ledger.lists.kept import KeptList
from mailroom.ledger.lists.members import Member
from mailroom.web import mailroom
from mailroom.web.lists.member_form import (
    MEMBER_OVERTAKEN,
    MemberForm,
    as_of,
    form_of_member,
    newcomer_of,
    typed_member,
)
from mailroom.web.pages.lists import blueprint, list_asked, to_list
from mailroom.web.request.ids import number

VALUES_SHOWN = 200
MAILED_SHOWN = 50


@blueprint.get("/<uuid:uid>/recipients/new")
def new_member(uid: UUID) -> Response:
    with mailroom().database.read() as connection:
        return _asked(list_asked(connection, uid), MemberForm())


@blueprint.post("/<uuid:uid>/recipients")
def add_member(uid: UUID) -> Response:
    form = MemberForm(request.form)
    with mailroom().database.begin_at_once() as connection:
        one = list_asked(connection, uid)
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
    return to_list(one)


@blueprint.get("/<uuid:uid>/recipients/<int:member_id>")
def show_member(uid: UUID, member_id: int) -> Response:
    with mailroom().database.read_at_once() as connection:
        one, member = _member(connection, uid, member_id)
        return _shown_member(connection, one, member, form_of_member(member))


@blueprint.post("/<uuid:uid>/recipients/<int:member_id>")
def change_member(uid: UUID, member_id: int) -> Response:
    """Name, values, and what is stated of their consent."""
    form = typed_member(request.form)
    with mailroom().database.begin_at_once() as connection:
        one, member = _member(connection, uid, member_id)
        newcomer = newcomer_of(form, one.columns, member)
        form.stop_if_overtaken(as_of(member), "name", MEMBER_OVERTAKEN)
        if newcomer and not form.problems:
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
    with mailroom().database.begin_at_once() as connection:
        one, member = _member(connection, uid, member_id)
        removing.take_off(connection, one, [member.address_key])
    flash(f"{member.address} is not on the list any more.", "good")
    return to_list(one)


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


def _member(connection: Connection, uid: UUID, member_id: int) -> tuple[KeptList, Member]:
    reads = Together(connection)
    found, member = reads.ask(list_asked, uid), reads.ask(members.get, member_id)
    one, its = found(), member()
    return (one, its) if its is not None and its.list_id == one.id else abort(404)
