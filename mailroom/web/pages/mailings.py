"""The mailings: the list, a mailing's page while its mail goes out, and who may stop it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, abort, make_response, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.engine import letter
from mailroom.ledger import holding
from mailroom.ledger.deliveries import bulk_actions, deliveries, search
from mailroom.ledger.deliveries.bulk_actions import Decision
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.deliveries.outcomes import NOT_BOUNCED
from mailroom.ledger.deliveries.timeline import Ends, ends_of, marks_of
from mailroom.ledger.drafts import stored as drafts
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import MailingState, State
from mailroom.smtp.server import configured
from mailroom.web import mailroom
from mailroom.web.letter_frame import LetterOnPage, in_frame, looked_at
from mailroom.web.pages import actions
from mailroom.web.pages import deliveries as deliveries_pages
from mailroom.web.pages import results as results_pages
from mailroom.web.progress.progress import Progress, progress_of
from mailroom.web.progress.timeline import Timeline, build
from mailroom.web.progress.undo import seconds_left
from mailroom.web.request.ids import number
from mailroom.web.request.searched import searched_words
from mailroom.web.status.blockers import Blocker, blockers

blueprint = Blueprint("mailings", __name__)
blueprint.register_blueprint(deliveries_pages.blueprint)
blueprint.register_blueprint(actions.blueprint)
blueprint.register_blueprint(results_pages.blueprint)

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
    draft: str | None  # the uid of the one that it was written as

    @property
    def is_live(self) -> bool:
        """Whether something may still change by itself."""
        return self.progress.is_live or bool(self.decisions)

    @property
    def undo_seconds(self) -> int | None:
        """So long all of it can be taken back."""
        return seconds_left(self.mailing, self.now)

    @property
    def holds_back(self) -> bool:
        """Whether all but the first wait to be let go."""
        return self.mailing.holds_back(self.now)

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
    def next_letters(self) -> list[tuple[str, str]]:
        """To whom of it another mailing can be written: the outcome's name, and who they are in words."""
        if self.state is not None:
            return [(self.state, _in_words(self.state))] if self.rows else []
        counts = self.mailing.counts
        found = [(State.FAILED.value, _in_words(State.FAILED))] if counts.get(State.FAILED) else []
        is_of_many = self.mailing.total > 1 and counts.get(State.SENT)
        return [*found, (NOT_BOUNCED, "who did not bounce")] if is_of_many else found

    @property
    def retries(self) -> int:
        """How many wait for another try."""
        return self.mailing.counts.get(State.DEFERRED, 0)

    @property
    def next_try_at(self) -> datetime | None:
        return self.mailing.next_due_at if self.retries and self.is_going_out else None


def _in_words(state: State) -> str:
    return "who failed" if state is State.FAILED else f"whose state is {state}"


@blueprint.get("/mailings")
def index() -> str:
    words = searched_words()
    if words:
        return _found(words)
    before = request.args.get("before", type=number)
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        clock_now = reads.ask(clock.now)
        newest = reads.ask(mailings.page, before_id=before, limit=MAILINGS_PAGE_SIZE + 1)
        now, listed = from_millis(clock_now()), newest()
    return render_template(
        "mailings/index.html",
        mailings=_with_progress(listed[:MAILINGS_PAGE_SIZE], now),
        before=before,
        next_before=listed[MAILINGS_PAGE_SIZE - 1].id if len(listed) > MAILINGS_PAGE_SIZE else None,
        is_live=any(progress_of(mailing, now).is_live for mailing in listed[:MAILINGS_PAGE_SIZE]),
    )


def _found(words: str) -> str:
    """Recipients and mailings, each with pages of its own; and how far it was looked."""
    older = request.args.get("older", type=number)
    if older is not None:
        return _found_further_back(words, older)
    before = {name: request.args.get(name, type=number) for name in ("recipients", "mailings")}
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        now = reads.ask(clock.now)
        recipients = reads.ask(search.recipients, words, before["recipients"], FOUND + 1)
        about = reads.ask(mailings.search, words, before["mailings"], FOUND + 1)
        not_recent = reads.ask(search.not_recent)
        no_subject = reads.ask(mailings.not_searched, before["mailings"])
        people, listed = recipients(), about()
    return render_template(
        "mailings/search.html",
        words=words,
        mailings=_with_progress(listed[:FOUND], from_millis(now())),
        found=people[:FOUND],
        before=before,
        following={
            "recipients": people[FOUND - 1][0].id if len(people) > FOUND else None,
            "mailings": listed[FOUND - 1].id if len(listed) > FOUND else None,
        },
        recent=search.RECENT,
        not_recent=not_recent(),
        not_searched=no_subject() if len(listed) <= FOUND else None,
    )


def _found_further_back(words: str, before_id: int) -> str:
    """Recipients a part of whose address or name it is, of older mail."""
    with mailroom().database.read_at_once() as connection:
        found, rest = search.further_back(connection, words, before_id, FOUND)
    return render_template("mailings/further_back.html", words=words, found=found, rest=rest)


@blueprint.get("/mailings/<int:mailing_id>")
def show(mailing_id: int) -> str:
    with mailroom().database.read_at_once() as connection:
        view, shown = _view(connection, mailing_id, with_letter=True)
    return render_template("mailings/show.html", view=view, shown=shown)


@blueprint.get("/mailings/<int:mailing_id>/letter")
def as_html(mailing_id: int) -> Response:
    """The HTML as it was written, for a sandboxed frame."""
    with mailroom().database.read_at_once() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
        return in_frame(connection, mailing, _as_written(connection, mailing))


@blueprint.get("/mailings/<int:mailing_id>/progress")
def progress(mailing_id: int) -> Response:
    """The moving part of a mailing's page."""
    with mailroom().database.read_at_once() as connection:
        view, _ = _view(connection, mailing_id)
    return make_response(render_template("mailings/live.html", view=view), {"Cache-Control": "no-store"})


def _with_progress(listed: list[Mailing], now: datetime) -> list[tuple[Mailing, Progress]]:
    return [(mailing, progress_of(mailing, now)) for mailing in listed]


def _view(
    connection: Connection, mailing_id: int, *, with_letter: bool = False
) -> tuple[View, LetterOnPage | None]:
    state = deliveries_pages.asked_state()
    after, limit = request.args.get("after", type=number), MAILINGS_PAGE_SIZE + 1
    reads = Together(connection)
    found = reads.ask(_standing, mailing_id, with_letter)
    page = reads.ask(deliveries.page, mailing_id, state=state, after_id=after, limit=limit)
    decisions = reads.ask(bulk_actions.of_mailing, mailing_id)
    gone = reads.ask(contents.gone, mailing_id)
    draft = reads.ask(drafts.uid_of_mailing, mailing_id) if with_letter else None
    standing, rows = found(), page()
    mailing, now = standing.mailing, from_millis(standing.now)
    view = View(
        mailing=mailing,
        progress=progress_of(mailing, now),
        blockers=standing.blockers,
        decisions=decisions(),
        timeline=standing.timeline,
        rows=rows[:MAILINGS_PAGE_SIZE],
        next_after=rows[MAILINGS_PAGE_SIZE - 1].id if len(rows) > MAILINGS_PAGE_SIZE else None,
        state=state,
        tabs=_tabs(mailing, state),
        now=now,
        gone=gone(),
        draft=draft() if draft else None,
    )
    return view, standing.shown


class HowItStands(NamedTuple):
    """What is asked about a mailing once it is known."""

    mailing: Mailing
    now: int
    blockers: list[Blocker]
    timeline: Timeline | None
    shown: LetterOnPage | None


def _standing(connection: Connection, mailing_id: int, with_letter: bool) -> HowItStands:
    reads, settings = Together(connection), mailroom().settings
    found, clock_now = reads.ask(mailings.get, mailing_id), reads.ask(clock.now)
    hold, ends = reads.ask(holding.present, settings.hold), reads.ask(ends_of, mailing_id)
    mailing, now = found() or abort(404), clock_now()
    reads = Together(connection)
    why = reads.ask(blockers, mailroom(), configured(settings), mailing, now, hold())
    timeline = reads.ask(_timeline, mailing, now, ends())
    shown = reads.ask(_as_written, mailing) if with_letter else None
    return HowItStands(mailing, now, why(), timeline(), shown() if shown else None)


def _as_written(connection: Connection, mailing: Mailing) -> LetterOnPage:
    return looked_at(letter.as_written, connection, mailing)


def _timeline(connection: Connection, mailing: Mailing, now: int, ends: Ends) -> Timeline | None:
    marks, weight = marks_of(connection, mailing.id, mailing.total, now, ends)
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
