"""The race, live: one leg a request, each timed where it runs."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailroom.web import mailroom
from mailroom.web.race.legs import catch_up, run_next
from mailroom.web.race.record import FEWEST_MAILS, MOST_MAILS, USUAL_MAILS, Race, Races
from mailroom.web.request.ids import number

blueprint = Blueprint("race", __name__)

RACES_LISTED = 8
"""Earlier races in the list."""


@blueprint.get("/race")
def page() -> str:
    latest = _races().latest(RACES_LISTED)
    return render_template(
        "race/page.html",
        slow_server=mailroom().settings.slow_server,
        latest=latest,
        mails=request.args.get("mails", USUAL_MAILS, type=number),
        fewest=FEWEST_MAILS,
        most=MOST_MAILS,
    )


@blueprint.post("/race")
def start() -> Response:
    if not mailroom().settings.slow_server:
        abort(404)
    mails = request.form.get("mails", type=number)
    if mails is None or not FEWEST_MAILS <= mails <= MOST_MAILS:
        flash(f"Choose from {FEWEST_MAILS} to {MOST_MAILS} mails.", "warning")
        return redirect(url_for("race.page"), 303)
    race = _races().start(mails)
    return redirect(url_for("race.show", race_id=race.id, go=1), 303)


@blueprint.get("/race/<race_id>")
def show(race_id: str) -> str:
    race = _current(race_id)
    return render_template("race/show.html", race=race, slow_server=mailroom().settings.slow_server)


@blueprint.post("/race/<race_id>/next")
def run(race_id: str) -> Response:
    """Runs the next leg in this request: the synchronous one takes as long as it takes."""
    race = _current(race_id)
    slow_server = mailroom().settings.slow_server
    if race.next_plan is not None and slow_server:
        run_next(mailroom().database, mailroom().queue, _races(), race, slow_server)
    return redirect(url_for("race.show", race_id=race_id), 303)


@blueprint.post("/race/<race_id>/waited")
def waited(race_id: str) -> Response:
    """What the person at the browser waited for the newest leg, in milliseconds."""
    race = _races().get(race_id) or abort(404)
    milliseconds = request.form.get("milliseconds", type=float)
    if race.legs and milliseconds and 0 < milliseconds < 3_600_000 and race.legs[-1].browser_ms is None:
        race.legs[-1].browser_ms = milliseconds
        _races().save(race)
    return Response(status=204)


def _races() -> Races:
    return Races(mailroom().settings.home / "races")


def _current(race_id: str) -> Race:
    race = _races().get(race_id) or abort(404)
    catch_up(mailroom().database, _races(), race)
    return race
