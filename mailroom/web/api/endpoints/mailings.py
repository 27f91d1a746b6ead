"""Mailings to many: accept, watch, pause, resume, cancel, and every delivery as a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from flask import Response
from sqlalchemy import Connection

from mailroom.content.text.json_text import ROOM_FOR_MAILING
from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.engine import Database
from mailroom.database.together import Together
from mailroom.engine.accept.submission import Accepted, Idempotency, Submission
from mailroom.engine.rescheduling import hours_of, reschedule
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.deliveries.deliveries import Delivery
from mailroom.ledger.mailings import canary, lifecycle, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people import api_keys
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.states import MailingState, State
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import mails as answers
from mailroom.web.api.answers import shown
from mailroom.web.api.errors import ApiError
from mailroom.web.api.idempotency import REPLAYED, submit
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.reach import Reached
from mailroom.web.api.requests import mailings as asked_for
from mailroom.web.api.requests.letters import MOST_UPDATE_OCTETS
from mailroom.web.api.requests.templates import TemplatedListedMailingRequest, TemplatedMailingRequest
from mailroom.web.api.submitted import submissions
from mailroom.web.api.submitted.listed import ListedMailing, is_listed, listed
from mailroom.web.api.submitted.templated import listed_of, mailing_of
from mailroom.web.csv_export import DELIVERIES_CSV_HEADER, EXPORTED_AT_ONCE, line, pages, row_of
from mailroom.web.request.accepted import stands


@operation(
    "POST",
    "/mailings",
    scope=api_keys.SEND,
    takes=asked_for.MailingRequest,
    takes_instead=TemplatedMailingRequest,
    takes_listed=(asked_for.ListedMailingRequest, TemplatedListedMailingRequest),
    json_room=ROOM_FOR_MAILING,
    gives=answers.AcceptedMailingAnswer,
    headers=("Idempotency-Key",),
    errors=(404, 409, 413),
)
def send_mailing() -> Response:
    """Send a mailing.

    One letter to many recipients, each alone in To; `{{ first_name }}` in subject, text, html and the
    values of `headers` is filled from each recipient's `variables` (`{{ name }}` and `{{ email }}` are
    always there). `recipients_list`, the id of a list that is kept, stands in place of `recipients`: whoever
    is on it now, with its variables; it is `list` as well, unless you say another. Very many recipients come
    as a file, beside the JSON.
    """
    key = api_key()
    if is_listed():
        return _accepted(_submit_listed(listed(), key))
    return _accepted(
        submit(key, lambda known: submissions.of_mailing(mailing_of(body.value(), key), key, known))
    )


def _submit_listed(given: ListedMailing, key: ApiKey) -> Accepted:
    def submission(known: Idempotency | None) -> Submission:
        letter, parsed = listed_of(given.value, given.read(), key, is_tried=False)
        return submissions.of_listed(letter, parsed, key, known)

    return submit(key, submission, lambda: given.said)


def _accepted(accepted: Accepted) -> Response:
    told = shown.accepted_mailing(accepted.uid, accepted.mailing_id, accepted.total, accepted.duplicates)
    return stands(answer(told, REPLAYED if accepted.replayed else None))


@operation("GET", "/mailings/{id}", scope=api_keys.READ, gives=answers.MailingAnswer)
def get_mailing(mailing: Reached) -> Response:
    """Look at a mailing.

    An email is a mailing too, and can be looked at here.
    """
    with mailroom().database.read() as connection:
        return answer(shown.mailing(mailing.find(connection)))


@operation(
    "PATCH",
    "/mailings/{id}",
    scope=api_keys.SEND,
    takes=asked_for.MailingUpdateRequest,
    gives=answers.MailingAnswer,
    errors=(409,),
)
def update_mailing(mailing: Reached) -> Response:
    """Move a mailing to another time.

    As long as it waits for its time, or for its sending hours; 409 when it does not.
    """
    update = body.read(asked_for.MailingUpdateRequest, MOST_UPDATE_OCTETS)
    with mailroom().database.begin_at_once() as connection:
        reads = Together(connection)
        now = reads.ask(clock.now)
        before = reads.ask(partial(submissions.to_send, mailing))()
        hours = hours_of(before)
        if "sending_hours" in update.model_fields_set:
            hours = update.sending_hours.hours() if update.sending_hours else None
        lasts = mailroom().settings.expires
        if reschedule(connection, before, update.scheduled_at, lasts, hours, from_millis(now())) is None:
            message = f"This mailing cannot be moved to another time: it is {before.state}."
            raise ApiError(409, "validation_error", message)
        return _as_it_is(connection, before.id)


@operation("POST", "/mailings/{id}/pause", scope=api_keys.SEND, gives=answers.MailingAnswer, errors=(409,))
def pause_mailing(mailing: Reached) -> Response:
    """Pause a mailing.

    A mail whose last byte is on its way still goes.
    """
    return _move(mailing, lifecycle.pause, MailingState.PAUSED)


@operation("POST", "/mailings/{id}/resume", scope=api_keys.SEND, gives=answers.MailingAnswer, errors=(409,))
def resume_mailing(mailing: Reached) -> Response:
    """Resume a paused mailing."""
    return _move(mailing, lifecycle.resume, MailingState.ACTIVE, partial(submissions.to_send, mailing))


@operation("POST", "/mailings/{id}/release", scope=api_keys.SEND, gives=answers.MailingAnswer, errors=(409,))
def release_mailing(mailing: Reached) -> Response:
    """Let the rest of a mailing go.

    Of one with a `canary`: those who wait for it.
    """
    with mailroom().database.begin_at_once() as connection:
        before = submissions.to_send(mailing, connection)
        if not canary.release(connection, before.id) and before.release_at is None:
            raise ApiError(409, "validation_error", "Nobody of this mailing waits to be let go.")
        return _as_it_is(connection, before.id)


@operation("POST", "/mailings/{id}/cancel", scope=api_keys.SEND, gives=answers.MailingAnswer, errors=(409,))
def cancel_mailing(mailing: Reached) -> Response:
    """Cancel a mailing.

    For good: what has not left yet stays here.
    """
    return _move(mailing, lifecycle.cancel, MailingState.CANCELED)


@operation("GET", "/mailings/{id}/deliveries", scope=api_keys.READ, query=asked_for.Listing)
def list_deliveries(mailing: Reached) -> Response:
    """Every delivery, as JSON lines or CSV.

    In the order in which the recipients were given, streamed, however many there are.
    """
    listing = body.read_query(asked_for.Listing)
    with mailroom().database.read() as connection:
        found = mailing.find_uncounted(connection)  # while there is still a status to answer with
    read = _pages(mailroom().database, mailing, listing.state)
    if listing.format == "csv":
        rows = ("".join(line(row_of(found, row)) for row in some) for some in read)
        return Response(chain([line(DELIVERIES_CSV_HEADER)], rows), content_type="text/csv; charset=utf-8")
    lines = ("".join(json.dumps(shown.delivery(found, row)) + "\n" for row in some) for some in read)
    return Response(lines, content_type="application/jsonl; charset=utf-8")


def _pages(database: Database, asked: Reached, state: State | None) -> Iterator[list[Delivery]]:
    """A key that ends meanwhile gets no more: the answer breaks off."""

    def read(connection: Connection, last: Delivery | None) -> list[Delivery]:
        mailing_id = asked.find_id(connection)
        after = last.id if last else None
        return deliveries.page(connection, mailing_id, state, after, EXPORTED_AT_ONCE, with_values=False)

    return pages(database, read)


def _move(
    asked: Reached,
    move: Callable[[Connection, int], bool],
    wanted: MailingState,
    find: Callable[[Connection], Mailing] | None = None,
) -> Response:
    """Asking twice is harmless: what is so already is answered as if it had just been done."""
    with mailroom().database.begin_at_once() as connection:
        before = (find or asked.find_uncounted)(connection)
        if not move(connection, before.id) and before.state != wanted:
            message = f"This mailing is {before.state}: that cannot be done any more."
            raise ApiError(409, "validation_error", message)
        return _as_it_is(connection, before.id)


def _as_it_is(connection: Connection, mailing_id: int) -> Response:
    found = mailings.get(connection, mailing_id)
    assert found is not None
    return answer(shown.mailing(found))
