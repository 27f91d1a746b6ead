"""/calendar: what is to come, a month at a time, on the clocks of whoever looks."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.web import mailroom
from mailroom.web.calendar import planned
from mailroom.web.calendar.month import month_named, month_of
from mailroom.web.layout.reader_zone import reader_zone

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")


@blueprint.get("")
def page() -> str:
    asked, zone = request.args.get("month"), reader_zone()
    with mailroom().database.read_at_once() as connection:
        today = from_millis(clock.now(connection)).astimezone(zone).date()
        month = month_of(today, zone) if asked is None else month_named(asked, zone) or abort(404)
        days = planned.of_month(connection, month)
    return render_template(
        "calendar/page.html",
        month=month,
        days=days,
        today=today,
        before=month.beside(-1),
        after=month.beside(1),
    )
