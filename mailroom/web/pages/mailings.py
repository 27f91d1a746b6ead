"""The mailings: the list, a mailing's page while its mail goes out, and who may stop it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, make_response, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.engine import letter
from mailroom.ledger import holding
from mailroom.ledger.deliveries import bulk_actions, deliveries, search
from mailroom.ledger.deliveries.bulk_actions import Decision
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.deliveries.timeline import marks_of
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import MailingState, State
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.letter_frame import in_frame, looked_at
from mailroom.web.pages import actions
from mailroom.web.pages import deliveries as deliveries_pages
from mailroom.web.progress.progress import Progress, progress_of
from mailroom.web.progress.timeline import Timeline, build
from mailroom.web.progress.undo import seconds_left
from mailroom.web.request.ids import number
from mailroom.web.status.blockers import Blocker, blockers

blueprint = Blueprint("mailings", __name__)
blueprint.register_blueprint(deliveries_pages.blueprint)
blueprint.register_blueprint(actions.blueprint)

MAILINGS_PAGE_SIZE = 50
FOUND = 50


@dataclass(frozen=True, slots=True)
class Tab:
    href: str
    label: str
    is_current: bool
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """All that a mailing's page shows, read in one transaction."""

    mailing: Mailing
    progress: Progress
    blockers: list[Blocker]
    decisions: list[Decision]  # that are being carried out
    timeline: Timeline | None
    rows: list[Delivery]
    next_after: int | None
    state: State | None
    tabs: list[Tab]
    now: datetime
    gone: str | None  # why nothing of it can be sent any more

    @property
    def is_live(self) -> bool:
        """Whether something may still change by itself."""
        return self.progress.is_live or bool(self.decisions)

    @property
    def undo_seconds(self) -> int | None:
        """So long all of it can be taken back."""
        return seconds_left(self.mailing, self.now)

    @property
    def is_going_out(self) -> bool:
        return self.mailing.state is MailingState.ACTIVE and not self.mailing.is_over

    @property
    def can_retry(self) -> bool:
        is_decided = any(decision.move == bulk_actions.RETRY_ALL for decision in self.decisions)
        return bool(self.mailing.counts.get(State.FAILED)) and not is_decided and not self.gone

    @property
    def undecided(self) -> int:
        """How many nobody will send again unless a person says so."""
        is_settled = self.mailing.is_over or self.mailing.if_unknown == "hold"
        if any(decision.move != bulk_actions.RETRY_ALL for decision in self.decisions):
            return 0
        return self.mailing.counts.get(State.UNKNOWN, 0) if is_settled else 0

    @property
    def returned(self) -> bool:
        """Whether anything came back of it."""
        return bool(self.mailing.counts.get(State.BOUNCED) or self.mailing.complained)

    @property
    def retries(self) -> int:
        """How many wait for another try."""
        return self.mailing.counts.get(State.DEFERRED, 0)

    @property
    def next_try_at(self) -> datetime | None:
        return self.mailing.next_due_at if self.retries and self.is_going_out else None


@blueprint.get("/mailings")
def index() -> str:
    words = request.args.get("q", "").strip()
    if words:
        return _found(words)
    with mailroom().database.read() as connection:
        now = from_millis(clock.now(connection))
        before = request.args.get("before", type=number)
        listed = mailings.page(connection, before_id=before, limit=MAILINGS_PAGE_SIZE + 1)
    return render_template(
        "mailings/index.html",
        mailings=_with_progress(listed[:MAILINGS_PAGE_SIZE], now),
        before=before,
        next_before=listed[MAILINGS_PAGE_SIZE - 1].id if len(listed) > MAILINGS_PAGE_SIZE else None,
        is_live=any(progress_of(mailing, now).is_live for mailing in listed[:MAILINGS_PAGE_SIZE]),
    )


def _found(words: str) -> str:
    """Recipients and mailings, each with pages of its own."""
    before = {name: request.args.get(name, type=number) for name in ("recipients", "mailings")}
    with mailroom().database.read() as connection:
        now = from_millis(clock.now(connection))
        people = search.recipients(connection, words, before["recipients"], FOUND + 1)
        listed = mailings.search(connection, words, before["mailings"], FOUND + 1)
    return render_template(
        "mailings/search.html",
        words=words,
        mailings=_with_progress(listed[:FOUND], now),
        found=people[:FOUND],
        before=before,
        following={
            "recipients": people[FOUND - 1][0].id if len(people) > FOUND else None,
            "mailings": listed[FOUND - 1].id if len(listed) > FOUND else None,
        },
    )


@blueprint.get("/mailings/<int:mailing_id>")
def show(mailing_id: int) -> str:
    view = _view(mailing_id)
    with mailroom().database.read() as connection:
        shown = looked_at(letter.as_written, connection, view.mailing)
    return render_template("mailings/show.html", view=view, shown=shown)


@blueprint.get("/mailings/<int:mailing_id>/letter")
def as_html(mailing_id: int) -> Response:
    """The HTML as it was written, for a sandboxed frame."""
    with mailroom().database.read() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
        return in_frame(connection, mailing, looked_at(letter.as_written, connection, mailing))


@blueprint.get("/mailings/<int:mailing_id>/progress")
def progress(mailing_id: int) -> Response:
    """The moving part of a mailing's page."""
    body = render_template("mailings/live.html", view=_view(mailing_id))
    return make_response(body, {"Cache-Control": "no-store"})


def _with_progress(listed: list[Mailing], now: datetime) -> list[tuple[Mailing, Progress]]:
    return [(mailing, progress_of(mailing, now)) for mailing in listed]


def _view(mailing_id: int) -> View:
    state = deliveries_pages.asked_state()
    after = request.args.get("after", type=number)
    with mailroom().database.read() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
        now = clock.now(connection)
        rows = deliveries.page(
            connection, mailing_id, state=state, after_id=after, limit=MAILINGS_PAGE_SIZE + 1
        )
        return View(
            mailing=mailing,
            progress=progress_of(mailing, from_millis(now)),
            blockers=blockers(
                connection,
                mailroom(),
                configured(mailroom().settings),
                mailing,
                now,
                holding.present(connection, mailroom().settings.hold),
            ),
            decisions=bulk_actions.of_mailing(connection, mailing_id),
            timeline=_timeline(connection, mailing, now),
            rows=rows[:MAILINGS_PAGE_SIZE],
            next_after=rows[MAILINGS_PAGE_SIZE - 1].id if len(rows) > MAILINGS_PAGE_SIZE else None,
            state=state,
            tabs=_tabs(mailing, state),
            now=from_millis(now),
            gone=contents.gone(connection, mailing_id),
        )


def _timeline(connection: Connection, mailing: Mailing, now: int) -> Timeline | None:
    marks, weight = marks_of(connection, mailing.id, mailing.total, now)
    return build(marks, weight)


def _tabs(mailing: Mailing, current: State | None) -> list[Tab]:
    """All, and every state that occurs; the one that is looked at stays, even when it is empty."""

    def tab(label: str, state: State | None, count: int) -> Tab:
        href = url_for("mailings.show", mailing_id=mailing.id, state=state, _anchor="deliveries")
        return Tab(href, label, state == current, count)

    present = [
        tab(state, state, mailing.counts.get(state, 0))
        for state in State
        if mailing.counts.get(state) or state == current
    ]
    return [tab("all", None, mailing.total), *present]
