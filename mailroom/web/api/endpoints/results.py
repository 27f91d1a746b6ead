"""The report of a mailing: what became of it, as JSON, CSV or PDF."""

from __future__ import annotations

from flask import Response

from mailroom.database.time_limit import TookTooLong
from mailroom.ledger.people import api_keys
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import results as answers
from mailroom.web.api.answers import results_shown
from mailroom.web.api.errors import ApiError
from mailroom.web.api.operations import answer, operation
from mailroom.web.api.reach import Reached
from mailroom.web.api.requests import mailings as asked_for
from mailroom.web.csv_export import download
from mailroom.web.request.negotiation import best_type
from mailroom.web.results import results_pdf
from mailroom.web.results.kept import told_of
from mailroom.web.results.results_csv import csv_lines

REPORT_TYPES = {"json": "application/json", "csv": "text/csv", "pdf": "application/pdf"}


@operation(
    "GET",
    "/mailings/{id}/report",
    scope=api_keys.READ,
    query=asked_for.ReportFormat,
    gives=answers.ReportAnswer,
    gives_files=(REPORT_TYPES["csv"], REPORT_TYPES["pdf"]),
)
def get_report(mailing: Reached) -> Response:
    """What became of a mailing.

    Figures, failures by reason and by domain, the slowest domains, states and bounces over time. As CSV or
    PDF when `format`, or without it `Accept`, says so.
    """
    asked = body.read_query(asked_for.ReportFormat).format or _accepted()
    with mailroom().database.read() as connection:
        try:
            told = told_of(connection, mailing.find(connection))
        except TookTooLong:
            message = "The database is too busy to count this mailing now; try again later."
            raise ApiError(503, "application_error", message, {"Retry-After": "60"}) from None
    filename = f"mailing-{told.mailing.id}-report.{asked}"
    if asked == "csv":
        return download(csv_lines(told), filename)
    if asked == "pdf":
        return results_pdf.download(told, filename)
    return answer(results_shown.report(told))


def _accepted() -> str:
    best = best_type(list(REPORT_TYPES.values()))
    return next(name for name, kind in REPORT_TYPES.items() if kind == best)
