"""/repeats: mailings that are sent again and again; look at, change, pause, resume, cancel, send now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.schedule.repeat_rules import repeat_rule
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.engine.accept.acceptance import accept
from mailroom.engine.accept.submission import StillUnderWay, TickMade, TickNotDue
from mailroom.engine.repeats import kept_submission, planning
from mailroom.ledger.repeats import repeats, ticks
from mailroom.ledger.repeats.repeats import Repeat
from mailroom.web import mailroom
from mailroom.web.compose.repeat_wish import (
    REPEAT_OVERTAKEN,
    RepeatForm,
    as_of_repeat,
    form_of,
    typed_repeat,
)
from mailroom.web.request import gate
from mailroom.web.request.ids import number

blueprint = Blueprint("repeats", __name__, url_prefix="/repeats")

REPEATS_PAGE_SIZE = 50
TICKS_SHOWN = 50
UPCOMING_SHOWN = 8
FORM_LASTS = timedelta(days=1)
"""For so long Send now on a page means the moment at which it was opened, and so one mailing."""

MOVED_ON = "That repeat had moved on: nothing was changed."


@blueprint.get("")
def page() -> str:
    before = request.args.get("before", type=number)
    with mailroom().database.read() as connection:
        found = repeats.page(connection, limit=REPEATS_PAGE_SIZE + 1, before_id=before)
    listed = found[:REPEATS_PAGE_SIZE]
    return render_template(
        "repeats/index.html",
        listed=[(one, repeat_rule(one.rule).words) for one in listed],
        before=before,
        next_before=listed[-1].id if len(found) > REPEATS_PAGE_SIZE else None,
    )


@blueprint.get("/<uuid:uid>")
def show(uid: UUID) -> Response:
    return _shown(uid, None)


@blueprint.post("/<uuid:uid>")
def change(uid: UUID) -> Response:
    form = typed_repeat(request.form)
    plan = form.plan()
    if plan is None:
        return _shown(uid, form)
    with mailroom().database.begin() as connection:
        repeat = _repeat(connection, uid)
        if not planning.is_as_planned(repeat, plan):
            form.stop_if_overtaken(as_of_repeat(repeat), "repeat", REPEAT_OVERTAKEN)
        changed = not form.problems and planning.change(connection, repeat, plan)
    if form.problems:
        return _shown(uid, form)
    flash("Changed: it ticks by this from now on.", "good") if changed else flash(MOVED_ON, "warning")
    return _back(uid)


@blueprint.post("/<uuid:uid>/pause")
def pause(uid: UUID) -> Response:
    return _move(uid, repeats.pause, "Paused. What comes meanwhile is left out, and not made up for.")


@blueprint.post("/<uuid:uid>/resume")
def resume(uid: UUID) -> Response:
    return _move(uid, planning.resume, "Resumed: it goes on with its next tick.")


@blueprint.post("/<uuid:uid>/cancel")
def cancel(uid: UUID) -> Response:
    return _move(uid, repeats.cancel, "Canceled. The mailings that it made go on.")


@blueprint.post("/<uuid:uid>/send")
def send_now(uid: UUID) -> Response:
    """One mailing more; pressed twice on one page it is one."""
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        of, kept = reads.ask(_repeat, uid), reads.ask(repeats.submission_of_uid, str(uid))
        repeat, data = of(), kept()
    try:
        due = planning.submission_of_now(data, repeat, _asked_at())
        due = replace(due, sign_in_hash=gate.sign_in_hash())
        accepted = accept(mailroom().database, mailroom().queue, due)
    except (TickMade, StillUnderWay):
        flash("That was sent already; nothing was sent twice.", "info")
        return _back(uid)
    except TickNotDue:
        flash(MOVED_ON, "warning")
        return _back(uid)
    except ValueError as error:
        return _not_done(uid, error)
    return redirect(url_for("mailings.show", mailing_id=accepted.mailing_id), 303)


def _asked_at() -> datetime | None:
    """When the page was opened. None: it does not say, or was open for too long."""
    given = request.form.get("at", type=number)
    if given is None or given > 1 << 45:
        return None
    at = from_millis(given)
    return at if abs(datetime.now(UTC) - at) < FORM_LASTS else None


def _move(uid: UUID, move: Callable[[Connection, Repeat], bool], words: str) -> Response:
    try:
        with mailroom().database.begin() as connection:
            moved = move(connection, _repeat(connection, uid))
    except ValueError as error:
        return _not_done(uid, error)
    flash(words, "good") if moved else flash(MOVED_ON, "warning")
    return _back(uid)


def _not_done(uid: UUID, why: ValueError) -> Response:
    """Its zone is not known here any more."""
    flash(f"Nothing was done. {why} Change when it is mailed.", "error")
    return _back(uid)


def _shown(uid: UUID, form: RepeatForm | None) -> Response:
    with mailroom().database.read() as connection:
        repeat = _repeat(connection, uid)
        became = ticks.of_repeat(connection, repeat.id, limit=TICKS_SHOWN)
        letter = kept_submission.read(repeats.submission_of(connection, repeat.id)).content
    body = render_template(
        "repeats/show.html",
        repeat=repeat,
        words=repeat_rule(repeat.rule).words,
        ticks=became,
        upcoming=planning.upcoming(repeat, UPCOMING_SHOWN),
        letter=letter,
        form=form or form_of(repeat),
        now=round(datetime.now(UTC).timestamp() * 1000),
    )
    return make_response(body, 422 if form is not None else 200)


def _repeat(connection: Connection, uid: UUID) -> Repeat:
    return repeats.find(connection, str(uid)) or abort(404)


def _back(uid: UUID) -> Response:
    return redirect(url_for(".show", uid=uid), 303)
