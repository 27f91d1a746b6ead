"""Pause, resume, cancel, retry: a person's hand on a mailing."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.ledger import control, deliveries, mailings, states
from mailroom.ledger.mailings import Mailing
from mailroom.web import mailroom

blueprint = Blueprint("control", __name__)

RETRIED_AT_ONCE = 500
"""Deliveries a transaction: others who write to SQLite must not wait long."""


@blueprint.post("/mailings/<int:mailing_id>/pause")
def pause(mailing_id: int) -> Response:
    return _move(mailing_id, mailings.pause, "Paused. A mail whose last byte is on its way still goes.")


@blueprint.post("/mailings/<int:mailing_id>/resume")
def resume(mailing_id: int) -> Response:
    return _move(mailing_id, mailings.resume, "Resumed.")


@blueprint.get("/mailings/<int:mailing_id>/cancel")
def confirm_cancel(mailing_id: int) -> str:
    return render_template("mailings/cancel.html", mailing=_mailing(mailing_id))


@blueprint.post("/mailings/<int:mailing_id>/cancel")
def cancel(mailing_id: int) -> Response:
    return _move(mailing_id, mailings.cancel, "Canceled. What had not gone yet stays here.")


@blueprint.post("/mailings/<int:mailing_id>/retry")
def retry_failed(mailing_id: int) -> Response:
    """Every failed delivery of the mailing is due again."""
    _mailing(mailing_id)
    retried, after = 0, None
    while True:
        with mailroom().database.begin() as connection:
            rows = deliveries.page(
                connection, mailing_id, state=states.FAILED, after_id=after, limit=RETRIED_AT_ONCE
            )
            retried += sum(control.retry_delivery(connection, row.id) for row in rows)
        if len(rows) < RETRIED_AT_ONCE:
            break
        after = rows[-1].id
    what = "1 failed mail is" if retried == 1 else f"{retried:,} failed mails are"
    flash(f"{what} tried again." if retried else "Nothing failed that could be tried again.", "good")
    return _back(mailing_id)


def _move(mailing_id: int, move: Callable[[Connection, int], bool], words: str) -> Response:
    _mailing(mailing_id)
    with mailroom().database.begin() as connection:
        moved = move(connection, mailing_id)
    flash(words, "good") if moved else flash("That mailing had moved on: nothing was changed.", "warning")
    return _back(mailing_id)


def _mailing(mailing_id: int) -> Mailing:
    with mailroom().database.read() as connection:
        return mailings.get(connection, mailing_id) or abort(404)


def _back(mailing_id: int) -> Response:
    return redirect(url_for("mailings.show", mailing_id=mailing_id), 303)
