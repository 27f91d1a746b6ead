"""One delivery with all that happened to it; all deliveries of a mailing as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from mailroom.database import clock
from mailroom.database.clock import to_millis
from mailroom.database.engine import Database
from mailroom.database.together import Together
from mailroom.engine import letter
from mailroom.engine.letterhead import link_place, message_id_of
from mailroom.ledger import moves
from mailroom.ledger.deliveries import actions, deliveries
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.feedback import reports
from mailroom.ledger.mailings import contents, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.states import STATE_WORDS, State
from mailroom.web import mailroom
from mailroom.web.csv_export import DELIVERIES_CSV_HEADER, EXPORTED_AT_ONCE, download, line, pages, row_of
from mailroom.web.letter_frame import in_frame, looked_at
from mailroom.web.request import gate

blueprint = Blueprint("deliveries", __name__)

DELIVERY_PATH = "/mailings/<int:mailing_id>/deliveries/<int:delivery_id>"

NOTHING = "That delivery is under way or over: nothing was changed."


class Button(NamedTuple):
    """How a person makes a move. `sooner`: its label for one that is tried again by itself."""

    name: str
    label: str
    done: str
    sooner: str | None = None
    look: str = ""


BUTTONS = {
    moves.RETRY: Button("retry", "Try again", "It is tried again.", sooner="Try now"),
    moves.CONFIRM: Button("arrived", "It arrived", "Noted: it arrived."),
    moves.RESEND: Button("again", "Send again", "It is sent once more, with the same Message-ID."),
    moves.CANCEL: Button("cancel", "Cancel", "Canceled: it will not be sent.", look="button-danger"),
}
BUTTON_MOVES = {BUTTONS[move].name: move for move in moves.OF_A_PERSON}


@blueprint.get("/mailings/<int:mailing_id>/deliveries.csv")
def as_csv(mailing_id: int) -> Response:
    with mailroom().database.read_at_once() as connection:
        mailing = mailings.get(connection, mailing_id) or abort(404)
    state = asked_state()
    lines = _lines(mailroom().database, mailing, state, session[gate.TOKEN])
    return download(lines, f"mailing-{mailing.id}{f'-{state}' if state else ''}.csv")


def asked_state() -> State | None:
    """The state whose deliveries alone are wanted; None: all. One that there is not is not found."""
    word = request.args.get("state")
    return None if word is None else STATE_WORDS.get(word) or abort(404)


@blueprint.get(DELIVERY_PATH)
def show(mailing_id: int, delivery_id: int) -> str:
    with mailroom().database.read_at_once() as connection:
        reads = Together(connection)
        found = reads.ask(_found, mailing_id, delivery_id)
        asked = reads.ask(deliveries.attempts_of, delivery_id), reads.ask(contents.gone, mailing_id)
        facts, time = reads.ask(reports.of_delivery, delivery_id), reads.ask(clock.now)
        mailing, delivery = found()
        attempts, gone, told = asked[0](), asked[1](), facts()
        waits_ms = _waits_for_evidence(mailing, delivery, time())
        shown = looked_at(letter.as_sent, connection, mailing, delivery, link_place(mailroom().settings))
    return render_template(
        "mailings/delivery.html",
        mailing=mailing,
        delivery=delivery,
        attempts=attempts,
        told=told,
        buttons=[BUTTONS[m] for m in moves.by_person(delivery.state) if not (gone and m.goes_on)],
        gone=gone,
        waits_ms=waits_ms,
        shown=shown,
        message_id=message_id_of(mailing, delivery.id),
    )


def _waits_for_evidence(mailing: Mailing, delivery: Delivery, now: int) -> int | None:
    """For how many milliseconds, before it is sent once more; None: it does not."""
    if mailing.if_unknown != "evidence" or delivery.state is not State.UNKNOWN or delivery.due_at is None:
        return None
    return max(to_millis(delivery.due_at) - now, 0)


@blueprint.get(f"{DELIVERY_PATH}/letter")
def as_html(mailing_id: int, delivery_id: int) -> Response:
    """The HTML as it leaves for this recipient, for a sandboxed frame."""
    with mailroom().database.read_at_once() as connection:
        mailing, delivery = _found(connection, mailing_id, delivery_id)
        return in_frame(
            connection,
            mailing,
            looked_at(letter.as_sent, connection, mailing, delivery, link_place(mailroom().settings)),
        )


@blueprint.post(f"{DELIVERY_PATH}/<any({', '.join(BUTTON_MOVES)}):name>")
def change(mailing_id: int, delivery_id: int, name: str) -> Response:
    move = BUTTON_MOVES[name]
    with mailroom().database.begin_at_once() as connection:
        try:
            changed = actions.change(connection, delivery_id, move, mailing_id)
            if not changed:
                _found(connection, mailing_id, delivery_id)
            words = BUTTONS[move].done if changed else NOTHING
        except actions.ContentGone as gone:
            changed, words = False, str(gone)
    flash(words, "good" if changed else "warning")
    return redirect(url_for(".show", mailing_id=mailing_id, delivery_id=delivery_id), 303)


def _found(connection: Connection, mailing_id: int, delivery_id: int) -> tuple[Mailing, Delivery]:
    reads = Together(connection)
    of, found = reads.ask(mailings.get, mailing_id), reads.ask(deliveries.get, delivery_id)
    mailing, delivery = of() or abort(404), found() or abort(404)
    if delivery.mailing_id != mailing.id:
        abort(404)
    return mailing, delivery


def _lines(database: Database, mailing: Mailing, state: State | None, token: str) -> Iterator[str]:
    """Who is signed out meanwhile gets no more: the file breaks off."""

    def read(connection: Connection, last: Delivery | None) -> list[Delivery]:
        after = last.id if last else None
        return gate.read_for(
            connection,
            token,
            lambda connection: deliveries.page(
                connection, mailing.id, state, after, EXPORTED_AT_ONCE, with_values=False
            ),
        )

    yield line(DELIVERIES_CSV_HEADER)
    for rows in pages(database, read):
        yield "".join(line(row_of(mailing, row)) for row in rows)
