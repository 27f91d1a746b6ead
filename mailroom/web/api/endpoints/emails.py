"""Single emails: send, list, look at, move to another time, cancel."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from flask import Response, request
from sqlalchemy import Connection

from mailroom.database import clock
from mailroom.database.clock import from_millis
from mailroom.database.together import Together
from mailroom.engine.accept import handed_in
from mailroom.engine.rescheduling import hours_of, reschedule
from mailroom.ledger.deliveries import deliveries
from mailroom.ledger.mailings import contents, emails, lifecycle, mailings
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people import api_keys
from mailroom.ledger.states import MailingState
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.answers import mails as answers
from mailroom.web.api.answers import shown
from mailroom.web.api.errors import ApiError
from mailroom.web.api.idempotency import REPLAYED, submit
from mailroom.web.api.operations import answer, api_key, operation
from mailroom.web.api.paging import Page
from mailroom.web.api.reach import Reached, ReachedEmail
from mailroom.web.api.requests.emails import EmailRequest, RawEmailRequest, UpdateRequest
from mailroom.web.api.requests.letters import MOST_UPDATE_OCTETS
from mailroom.web.api.requests.templates import TemplatedEmailRequest
from mailroom.web.api.submitted import submissions
from mailroom.web.api.submitted.templated import email_of
from mailroom.web.request.accepted import stands

MOST_DELIVERIES = 1_000
"""Of one email: as many as a whole message may have."""


@operation(
    "POST",
    "/emails",
    scope=api_keys.SEND,
    takes=EmailRequest,
    takes_instead=TemplatedEmailRequest,
    gives=answers.SentEmailAnswer,
    headers=("Idempotency-Key",),
    errors=(404, 409, 413),
    checks_key=True,
)
def send_email() -> Response:
    """Send an email.

    The answer means that the email is on disk; workers hand it to the mail server from there.
    """
    key = api_key()
    accepted = submit(
        key, lambda idempotency: submissions.of_email(email_of(body.value(), key), key, idempotency)
    )
    return stands(answer({"id": accepted.uid}, REPLAYED if accepted.replayed else None))


@operation(
    "POST",
    "/emails/raw",
    scope=api_keys.SEND,
    takes=RawEmailRequest,
    gives=answers.SentEmailAnswer,
    headers=("Idempotency-Key",),
    errors=(409, 413),
)
def send_raw_email() -> Response:
    """Send a whole message.

    It is mailed as your program made it, like one that comes by SMTP: a Date and a Message-ID are added
    where they are missing, Bcc is left out, and what is not ASCII or too long a line is encoded.
    """
    key = api_key()
    with handed_in.turn_of(request.content_length or 0):
        accepted = submit(
            key, lambda idempotency: submissions.of_message(body.read(RawEmailRequest), key, idempotency)
        )
    return stands(answer({"id": accepted.uid}, REPLAYED if accepted.replayed else None))


@operation("GET", "/emails", scope=api_keys.READ, query=Page, gives=answers.EmailListAnswer, errors=(404,))
def list_emails() -> Response:
    """List emails.

    Those of your program, newest first. For the next page, give the last id of this one as `after`.
    """
    page = body.read_query(Page)
    with mailroom().database.read_at_once() as connection:
        after, before = (_place(connection, uid) for uid in (page.after, page.before))
        place = {"after_id": after, "before_id": before}
        found_ids = emails.page(connection, api_key(), limit=page.limit + 1, **place)
        ids, more = page.shown(found_ids)
        reads = Together(connection)
        found = reads.ask(mailings.several, ids)
        addressed, reply_to = reads.ask(emails.addressed, ids), reads.ask(emails.replies_to, ids)
        people, replies = addressed(), reply_to()
    rows = [shown.listed_email(row, people[row.id], replies.get(row.id, ())) for row in found()]
    return answer({"object": "list", "has_more": more, "data": rows})


@operation("GET", "/emails/{id}", scope=api_keys.READ, gives=answers.EmailAnswer)
def get_email(email: Reached) -> Response:
    """Look at an email.

    `last_event` sums up how it stands; `deliveries` tell it of every recipient.
    """
    with mailroom().database.read_at_once() as connection:
        mailing = email.find(connection)
        reads = Together(connection)
        content = reads.ask(contents.of, mailing.id)
        rows = reads.ask(deliveries.page, mailing.id, limit=MOST_DELIVERIES)
        shown_email = shown.email(mailing, content(), rows())
    return answer(shown_email)


@operation(
    "PATCH",
    "/emails/{id}",
    scope=api_keys.SEND,
    takes=UpdateRequest,
    gives=answers.ChangedEmailAnswer,
    errors=(409,),
)
def update_email(email: Reached) -> Response:
    """Move an email to another time.

    As long as it waits for its time; 409 when it does not any more.
    """
    update = body.read(UpdateRequest, MOST_UPDATE_OCTETS)
    with mailroom().database.begin_at_once() as connection:
        reads = Together(connection)
        clock_now = reads.ask(clock.now)
        mailing = reads.ask(partial(submissions.to_send, email))()
        now, hours, lasts = from_millis(clock_now()), hours_of(mailing), mailroom().settings.expires
        if reschedule(connection, mailing, update.scheduled_at, lasts, hours, now) is None:
            raise ApiError(409, "validation_error", _too_late("moved to another time", mailing))
    return answer({"object": "email", "id": mailing.uid})


@operation(
    "POST", "/emails/{id}/cancel", scope=api_keys.SEND, gives=answers.ChangedEmailAnswer, errors=(409,)
)
def cancel_email(email: Reached) -> Response:
    """Cancel an email.

    What has left already has left: 409 when there is nothing to cancel any more.
    """
    with mailroom().database.begin() as connection:
        mailing = email.find_uncounted(connection)
        if mailing.state is not MailingState.CANCELED and not lifecycle.cancel(connection, mailing.id):
            raise ApiError(409, "validation_error", _too_late("canceled", mailing))
    return answer({"object": "email", "id": mailing.uid})


def _place(connection: Connection, uid: UUID | None) -> int | None:
    """Where an id of the query stands in the list."""
    return None if uid is None else ReachedEmail(uid, api_key()).find_id(connection)


def _too_late(done: str, mailing: Mailing) -> str:
    return f"This email cannot be {done}: it is {mailing.state}."
