"""A mailing's report: what became of it in figures and pictures, live while it is sent; as CSV and PDF."""

from __future__ import annotations

from flask import Blueprint, abort, make_response, render_template
from werkzeug.wrappers import Response

from mailroom.database.time_limit import TookTooLong
from mailroom.web import mailroom
from mailroom.web.csv_export import download
from mailroom.web.request import errors
from mailroom.web.results import results_pdf
from mailroom.web.results.kept import told_at_once
from mailroom.web.results.pictures import reason_code
from mailroom.web.results.results_csv import csv_lines
from mailroom.web.results.told import STATES_OF_A_DOMAIN, Told

blueprint = Blueprint("results", __name__)

REASONS_SHOWN = 20


@blueprint.get("/mailings/<int:mailing_id>/report")
def page(mailing_id: int) -> str:
    return _rendered("results/page.html", _told(mailing_id))


@blueprint.get("/mailings/<int:mailing_id>/report/progress")
def progress(mailing_id: int) -> Response:
    """The moving part of a report's page."""
    return make_response(_rendered("results/live.html", _told(mailing_id)), {"Cache-Control": "no-store"})


@blueprint.get("/mailings/<int:mailing_id>/report.csv")
def as_csv(mailing_id: int) -> Response:
    return download(csv_lines(_told(mailing_id)), f"mailing-{mailing_id}-report.csv")


@blueprint.get("/mailings/<int:mailing_id>/report.pdf")
def as_pdf(mailing_id: int) -> Response:
    return results_pdf.download(_told(mailing_id), f"mailing-{mailing_id}-report.pdf")


@blueprint.errorhandler(TookTooLong)
def _took_too_long(_: TookTooLong) -> Response:
    return errors.answer(
        503, "That takes too long", "The database is too busy to count this mailing now. Try again later."
    )


def _told(mailing_id: int) -> Told:
    return told_at_once(mailroom().database, mailing_id) or abort(404)


def _rendered(template: str, told: Told) -> str:
    return render_template(
        template,
        told=told,
        reasons_shown=REASONS_SHOWN,
        code_of=reason_code,
        domain_states=STATES_OF_A_DOMAIN,
    )
