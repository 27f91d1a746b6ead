"""Pause, resume, cancel, retry: a person's hand on a mailing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.content.schedule.zones import zone_named
from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.engine.rescheduling import hours_of, reschedule
from mailroom.ledger.deliveries import bulk_actions
from mailroom.ledger.deliveries.actions import ContentGone
from mailroom.ledger.mailings import canary, lifecycle, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import State
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.layout.reader_zone import NO_ZONE_YET, local_time, planned_time, shown_zone
from mailroom.web.progress.undo import is_taken_back

blueprint = Blueprint("control", __name__)

TAKEN_BACK = "Taken back: nobody was mailed. Copy it as new to change it and send it again."

NOTHING_UNKNOWN = "No mail of this mailing waits for your decision."


@blueprint.post("/mailings/<int:mailing_id>/pause")
def pause(mailing_id: int) -> Response:
    return _move(mailing_id, lifecycle.pause, "Paused. A mail whose last byte is on its way still goes.")


@blueprint.post("/mailings/<int:mailing_id>/resume")
def resume(mailing_id: int) -> Response:
    return _move(mailing_id, lifecycle.resume, "Resumed.")


@blueprint.post("/mailings/<int:mailing_id>/release")
def release(mailing_id: int) -> Response:
    return _move(mailing_id, canary.release, "The rest goes, too.")


@blueprint.post("/mailings/<int:mailing_id>/schedule")
def move_to(mailing_id: int) -> Response:
    """To another time, on the person's clocks; at once when none is given."""
    try:
        zone = zone_named(shown_zone(request.form.get("shown_zone", "")) or NO_ZONE_YET)
        wanted = planned_time(request.form.get("send_at", ""), zone)
        moment = wanted.moment if wanted else datetime.now(UTC)
        with mailroom().database.begin_at_once() as connection:
            reads = Together(connection)
            now, found = reads.ask(clock.now), reads.ask(mailings.get, mailing_id)
            mailing = found() or abort(404)
            hours, lasts = hours_of(mailing), mailroom().settings.expires
            starts = reschedule(connection, mailing, moment, lasts, hours, from_millis(now()))
    except ValueError as error:
        flash(f"Not moved. {error}", "warning")
        return _back(mailing_id)
    if starts is None:
        flash("It does not wait for its time any more: nothing was changed.", "warning")
        return _back(mailing_id)
    if wanted and wanted.note:
        flash(wanted.note, "warning")
    late = " That is when its sending hours begin." if starts > moment and hours else ""
    flash(f"It goes out {local_time(starts)}.{late}", "good")
    return _back(mailing_id)


@blueprint.get("/mailings/<int:mailing_id>/cancel")
def confirm_cancel(mailing_id: int) -> str:
    mailing = _mailing(mailing_id)
    return render_template("mailings/cancel.html", mailing=mailing, sent=mailing.counts.get(State.SENT, 0))


@blueprint.post("/mailings/<int:mailing_id>/cancel")
def cancel(mailing_id: int) -> Response:
    """Undo, too: until it begins, that is all of it."""
    return _move(
        mailing_id,
        lifecycle.cancel,
        lambda mailing: (
            TAKEN_BACK if is_taken_back(mailing) else "Canceled. What had not gone yet stays here."
        ),
    )


@blueprint.post("/mailings/<int:mailing_id>/retry")
def retry_failed(mailing_id: int) -> Response:
    return _decide(
        mailing_id, bulk_actions.RETRY_ALL, "tried again.", "Nothing failed that can be tried again."
    )


@blueprint.post("/mailings/<int:mailing_id>/unknown/arrived")
def all_arrived(mailing_id: int) -> Response:
    return _decide(mailing_id, bulk_actions.CONFIRM_ALL, "noted as arrived.", NOTHING_UNKNOWN)


@blueprint.post("/mailings/<int:mailing_id>/unknown/again")
def all_again(mailing_id: int) -> Response:
    told = "sent once more, with the same Message-ID."
    return _decide(mailing_id, bulk_actions.RESEND_ALL, told, NOTHING_UNKNOWN)


def _decide(mailing_id: int, move: str, words: str, nothing: str) -> Response:
    """Answers at once: of a large mailing the sweeper moves the rest, and the page says how far it is."""
    try:
        with mailroom().database.begin_at_once() as connection:
            decided = bulk_actions.decide(connection, mailing_id, move) or (
                0 if mailings.get(connection, mailing_id) else abort(404)
            )
    except ContentGone as gone:
        flash(str(gone), "warning")
        return _back(mailing_id)
    if isinstance(decided, bulk_actions.Decision):
        flash(f"All of them are {words}", "good")
    elif decided:
        flash(f"{count(decided, 'mail')} {'is' if decided == 1 else 'are'} {words}", "good")
    else:
        flash(nothing, "good")
    return _back(mailing_id)


def _move(
    mailing_id: int, move: Callable[[Connection, int], bool], words: str | Callable[[Mailing], str]
) -> Response:
    with mailroom().database.begin_at_once() as connection:
        moved = move(connection, mailing_id)
        if not isinstance(words, str) or not moved:
            mailing = mailings.get(connection, mailing_id) or abort(404)
            words = words if isinstance(words, str) else words(mailing)
    flash(words, "good") if moved else flash("That mailing had moved on: nothing was changed.", "warning")
    return _back(mailing_id)


def _mailing(mailing_id: int) -> Mailing:
    with mailroom().database.read() as connection:
        return mailings.get(connection, mailing_id) or abort(404)


def _back(mailing_id: int) -> Response:
    return redirect(url_for("mailings.show", mailing_id=mailing_id), 303)
