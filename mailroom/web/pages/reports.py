"""/reports: what came back and is of no mail, with the reason; and a mailing's report of what came back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, abort, render_template, request, session
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.database.engine import Database
from mailroom.ledger.feedback import reports, returned
from mailroom.ledger.feedback.reports import KnownFact
from mailroom.ledger.mailings import mailings
from mailroom.ledger.states import State
from mailroom.web import mailroom
from mailroom.web.csv_export import EXPORTED_AT_ONCE, download, line, pages
from mailroom.web.request import gate
from mailroom.web.request.ids import number

blueprint = Blueprint("reports", __name__)

REPORTS_PAGE_SIZE = 50
RETURNED_GROUPS_SHOWN = 20
REPORTS_CSV_HEADER = (
    *("kind", "address", "at", "received_at", "way", "code", "status", "words", "reporter", "why"),
)


@blueprint.get("/reports")
def page() -> str:
    before = request.args.get("before", type=number)
    with mailroom().database.read() as connection:
        found = reports.unmatched(connection, before, REPORTS_PAGE_SIZE + 1)
        total = reports.count_unmatched(connection)
    shown = found[:REPORTS_PAGE_SIZE]
    return render_template(
        "reports/page.html",
        shown=shown,
        total=total,
        before=before,
        next_before=shown[-1].id if len(found) > REPORTS_PAGE_SIZE else None,
    )


@blueprint.get("/mailings/<int:mailing_id>/reports")
def of_mailing(mailing_id: int) -> str:
    with mailroom().database.read() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
        found = returned.of_mailing(connection, mailing_id)
    return render_template(
        "reports/mailing.html",
        mailing=mailing,
        bounced=mailing.counts.get(State.BOUNCED, 0),
        handed_over=mailing.handed_over,
        returned=found,
        groups_shown=RETURNED_GROUPS_SHOWN,
    )


@blueprint.get("/reports.csv")
def as_csv() -> Response:
    return download(_lines(mailroom().database, session[gate.TOKEN], None), "reports.csv")


@blueprint.get("/mailings/<int:mailing_id>/reports.csv")
def of_mailing_as_csv(mailing_id: int) -> Response:
    with mailroom().database.read_at_once() as connection:
        mailings.get(connection, mailing_id) or abort(404)
    lines = _lines(mailroom().database, session[gate.TOKEN], mailing_id)
    return download(lines, f"mailing-{mailing_id}-reports.csv")


def _lines(database: Database, token: str, mailing_id: int | None) -> Iterator[str]:
    """Of a mailing, or of no mail. Who is signed out meanwhile gets no more: the file breaks off."""

    def read(connection: Connection, last: KnownFact | None) -> list[KnownFact]:
        before = last.id if last else None
        if mailing_id is None:
            some = partial(reports.unmatched, before_id=before, limit=EXPORTED_AT_ONCE)
        else:
            some = partial(
                reports.of_mailing, mailing_id=mailing_id, before_id=before, limit=EXPORTED_AT_ONCE
            )
        return gate.read_for(connection, token, some)

    yield line(REPORTS_CSV_HEADER)
    for found in pages(database, read):
        for told in found:
            yield line(row_of_report(told))


def row_of_report(told: KnownFact) -> tuple[str, ...]:
    fact = told.fact
    code = "" if fact.code is None else str(fact.code)
    at = "" if fact.at is None else _instant(told.moment)
    about = (fact.kind, fact.address, at, _instant(told.received_at), fact.way)
    return (*about, code, fact.status, fact.words, fact.reporter, fact.unmatched)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
