"""Mailings to many: accept, watch, pause, resume, cancel, and every delivery as a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from uuid import UUID

from flask import Response
from sqlalchemy import Connection

from mailroom.database.engine import Database
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people import api_keys
from mailroom.ledger.states import MailingState, State
from mailroom.web import mailroom
from mailroom.web.api import body, requests, responses, shown
from mailroom.web.api.drafts import draft_of_mailing
from mailroom.web.api.errors import ApiError
from mailroom.web.api.idempotency import REPLAYED, submit
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.reach import MAILING_THING, Reached
from mailroom.web.csv_export import DELIVERIES_CSV_HEADER, line, row_of

LISTED_AT_ONCE = 1_000


@operation(
    "POST",
    "/mailings",
    scope=api_keys.SEND,
    takes=requests.MailingRequest,
    gives=responses.AcceptedMailingAnswer,
    headers=("Idempotency-Key",),
    errors=(409, 413),
)
def send_mailing() -> Response:
    """Send a mailing.

    One letter to many recipients, each alone in To; `{{ first_name }}` in subject, text and
    html is filled from each recipient's `variables` (`{{ name }}` and `{{ email }}` are always there).
    """
    key = api_key()
    accepted = submit(key, lambda known: draft_of_mailing(body.read(requests.MailingRequest), key, known))
    with mailroom().database.read() as connection:
        mailing = Reached(MAILING_THING, UUID(accepted.uid), key).find(connection)
    return answer(shown.accepted_mailing(mailing), REPLAYED if accepted.replayed else None)


@operation("GET", "/mailings/{id}", scope=api_keys.READ, gives=responses.MailingAnswer)
def get_mailing(mailing: Reached) -> Response:
    """Look at a mailing.

    An email is a mailing too, and can be looked at here.
    """
    with mailroom().database.read() as connection:
        return answer(shown.mailing(mailing.find(connection)))


@operation("POST", "/mailings/{id}/pause", scope=api_keys.SEND, gives=responses.MailingAnswer, errors=(409,))
def pause_mailing(mailing: Reached) -> Response:
    """Pause a mailing.

    A mail whose last byte is on its way still goes.
    """
    return _move(mailing, mailings.pause, MailingState.PAUSED)


@operation("POST", "/mailings/{id}/resume", scope=api_keys.SEND, gives=responses.MailingAnswer, errors=(409,))
def resume_mailing(mailing: Reached) -> Response:
    """Resume a paused mailing."""
    return _move(mailing, mailings.resume, MailingState.ACTIVE)


@operation("POST", "/mailings/{id}/cancel", scope=api_keys.SEND, gives=responses.MailingAnswer, errors=(409,))
def cancel_mailing(mailing: Reached) -> Response:
    """Cancel a mailing.

    For good: what has not left yet stays here.
    """
    return _move(mailing, mailings.cancel, MailingState.CANCELED)


@operation("GET", "/mailings/{id}/deliveries", scope=api_keys.READ, query=requests.Listing)
def list_deliveries(mailing: Reached) -> Response:
    """Every delivery, as JSON lines or CSV.

    In the order in which the recipients were given, streamed, however many there are.
    """
    listing = body.read_query(requests.Listing)
    with mailroom().database.read() as connection:
        mailing.find(connection)  # while there is still a status to answer with
    lines = _csv if listing.format == "csv" else _json_lines
    kind = "text/csv" if listing.format == "csv" else "application/jsonl"
    return Response(lines(mailroom().database, mailing, listing.state), content_type=f"{kind}; charset=utf-8")


def _json_lines(database: Database, asked: Reached, state: State | None) -> Iterator[str]:
    for mailing, rows in _chunks(database, asked, state):
        yield "".join(json.dumps(shown.delivery(mailing, row)) + "\n" for row in rows)


def _csv(database: Database, asked: Reached, state: State | None) -> Iterator[str]:
    yield line(DELIVERIES_CSV_HEADER)
    for mailing, rows in _chunks(database, asked, state):
        yield "".join(line(row_of(mailing, row)) for row in rows)


def _chunks(
    database: Database, asked: Reached, state: State | None
) -> Iterator[tuple[Mailing, list[deliveries.Delivery]]]:
    """Each in a transaction of its own: a slow reader must not hold one open.

    A key that ends meanwhile gets no more: the answer breaks off.
    """
    after: int | None = None
    while True:
        with database.read() as connection:
            mailing = asked.find(connection)
            rows = deliveries.page(connection, mailing.id, state=state, after_id=after, limit=LISTED_AT_ONCE)
        yield mailing, rows
        if len(rows) < LISTED_AT_ONCE:
            return
        after = rows[-1].id


def _move(asked: Reached, move: Callable[[Connection, int], bool], wanted: MailingState) -> Response:
    """Asking twice is harmless: what is so already is answered as if it had just been done."""
    with mailroom().database.begin() as connection:
        before = asked.find(connection)
        if not move(connection, before.id) and before.state != wanted:
            message = f"This mailing is {before.state}: that cannot be done any more."
            raise ApiError(409, "validation_error", message)
        return answer(shown.mailing(asked.find(connection)))
