"""/attention: refused, doubtful and waiting mail, read from the ledger: true whatever Redis lost."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from mailroom.database import clock
from mailroom.database.together import Together
from mailroom.ledger.deliveries import attention
from mailroom.ledger.deliveries.attention import Bounded, Chosen, Group, Watched
from mailroom.ledger.deliveries.throughput import last_hour
from mailroom.ledger.relays import parked_sessions
from mailroom.ledger.states import GRAVEST_FIRST, STATE_WORDS, WATCHED, State
from mailroom.web import mailroom
from mailroom.web.layout.filters import count
from mailroom.web.progress.throughput import CHART_HEIGHT, MINUTE_BAR_WIDTH, chart_of
from mailroom.web.request.ids import number
from mailroom.web.status.servers import parked_words

blueprint = Blueprint("attention", __name__)

IN_ORDER = [state for state in GRAVEST_FIRST if state in WATCHED]

GROUPS_SHOWN = 10
WATCHED_SHOWN = 20

HOUR = 3_600_000

AGES = ((HOUR, "under an hour"), (24 * HOUR, "under a day"), (math.inf, "a day or more"))
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A row of a table of groups: what they have in common, and the filter that shows no others."""

    label: str
    group: Group
    chosen: Chosen
    mailing_id: int | None = None


@dataclass(frozen=True, slots=True)
class GroupTable:
    title: str
    heading: str
    lines: list[GroupLine]
    hidden: int


@blueprint.get("/attention")
def page() -> str:
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        clock_now, hour = reads.ask(clock.now), reads.ask(last_hour)
        parked = reads.ask(parked_sessions.present)
        counted, chosen, found = reads.ask(_watched)()
        now, throughput, waiting = clock_now(), hour(), parked()
    return render_template(
        "attention/page.html",
        chosen=chosen,
        chart=chart_of(throughput),
        chart_height=CHART_HEIGHT,
        bar_width=round(MINUTE_BAR_WIDTH, 3),
        tabs=[_tab(state, counted[state], chosen.state) for state in IN_ORDER],
        tables=_tables(found, chosen),
        ages=_ages(found, now),
        shown=found[:WATCHED_SHOWN],
        number=len(found),
        parked=parked_words(waiting),
        looked_at=attention.WATCHED_LOOKED_AT if counted[chosen.state].is_more else None,
        filters=_filters(chosen),
        can_retry=attention.may_be_retried(chosen.state),
        fields=fields_of,
    )


def _watched(connection: Connection) -> tuple[dict[State, Bounded], Chosen, list[Watched]]:
    counted = attention.counts(connection)
    chosen = _chosen(counted)
    return counted, chosen, attention.watched(connection, chosen)


@blueprint.post("/attention/retry")
def retry() -> Response:
    chosen = _chosen_state(request.form.get("state", "")) or abort(404)
    chosen = _narrowed(chosen, request.form)
    with mailroom().database.begin_at_once() as connection:
        retried = attention.retry(connection, chosen)
    left = "" if retried.is_all else " More of them are left: press once more."
    if retried.moved:
        words = f"{count(retried.moved, 'mail')} {'is' if retried.moved == 1 else 'are'} tried again."
        flash(words + left, "good")
    else:
        flash(
            "Nothing of that can be tried again: it moved on, or what it said is deleted." + left, "warning"
        )
    return redirect(
        url_for(".page", **fields_of(chosen) if not retried.is_all else {"state": chosen.state}), 303
    )


def needing() -> list[tuple[State, Bounded]]:
    """How many there are of each state that has any, for the menu of the queue; nothing without a ledger."""
    if getattr(g, "user", None) is None:
        return []
    try:
        with mailroom().database.read_at_once() as connection:
            counted = attention.counts(connection)
    except SQLAlchemyError:
        return []
    return [(state, counted[state]) for state in IN_ORDER if counted[state].number]


def fields_of(chosen: Chosen) -> dict[str, Any]:
    """A filter as an address, or a form, says it."""
    fields = {"reason": chosen.reason, "domain": chosen.domain, "mailing": chosen.mailing_id}
    return {"state": chosen.state.value} | {
        name: value for name, value in fields.items() if value is not None
    }


def _chosen(counted: dict[State, Bounded]) -> Chosen:
    """What is asked for; without that the gravest of what there is."""
    if word := request.args.get("state"):
        return _narrowed(_chosen_state(word) or abort(404), request.args)
    return Chosen(next((state for state in IN_ORDER if counted[state].number), IN_ORDER[0]))


def _chosen_state(word: str) -> Chosen | None:
    state = STATE_WORDS.get(word)
    return Chosen(state) if state in WATCHED and state is not None else None


def _narrowed(chosen: Chosen, asked: Any) -> Chosen:
    return Chosen(chosen.state, asked.get("reason"), asked.get("domain"), asked.get("mailing", type=number))


def _tab(state: State, counted: Bounded, current: State) -> dict[str, Any]:
    href = url_for(".page", state=state.value, _anchor="watched")
    return {"href": href, "label": f"{state} {counted}", "is_current": state is current}


def _filters(chosen: Chosen) -> list[tuple[str, str]]:
    """The filter in words."""
    words = (
        ("reason", None if chosen.reason is None else chosen.reason or NO_ANSWER),
        ("domain", chosen.domain),
        ("mailing", None if chosen.mailing_id is None else str(chosen.mailing_id)),
    )
    return [(name, value) for name, value in words if value is not None]


NO_ANSWER = "no answer"
"""The reason where no server said anything."""


def _tables(found: list[Watched], chosen: Chosen) -> list[GroupTable]:
    """One for each thing that is not chosen yet."""
    state, reason, domain, mailing_id = chosen.state, chosen.reason, chosen.domain, chosen.mailing_id
    tables = []
    if reason is None:
        of = [
            GroupLine(one.value or NO_ANSWER, one, Chosen(state, one.value, domain, mailing_id))
            for one in attention.groups(found, "reason")
        ]
        tables.append(_table("By reason", "Reason", of))
    if domain is None:
        of = [
            GroupLine(one.value, one, Chosen(state, reason, one.value, mailing_id))
            for one in attention.groups(found, "domain")
        ]
        tables.append(_table("By domain", "Domain", of))
    if mailing_id is None:
        of = [
            GroupLine(one.newest.subject, one, Chosen(state, reason, domain, one.value), one.value)
            for one in attention.groups(found, "mailing_id")
        ]
        tables.append(_table("By mailing", "Mailing", of))
    return tables


def _table(title: str, heading: str, lines: list[GroupLine]) -> GroupTable:
    return GroupTable(title, heading, lines[:GROUPS_SHOWN], max(0, len(lines) - GROUPS_SHOWN))


def _ages(found: list[Watched], now_millis: int) -> list[tuple[str, int]]:
    """How many have been so for how long."""
    since = sorted(one.since_millis for one in found)
    ages, counted = [], 0
    for limit, words in AGES:
        younger = len(since) - bisect_right(since, now_millis - limit)
        ages.append((words, younger - counted))
        counted = younger
    return ages
