"""Submissions of the API: from what a program sent to what the engine accepts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from flask import g
from sqlalchemy import Connection

from mailroom.content.addresses import Address, AddressError, parse_address
from mailroom.content.check import check, check_but_tags
from mailroom.content.content import BULK_PURPOSE, TRANSACTIONAL, Content
from mailroom.content.header.authors import disguise_of
from mailroom.content.links.unsubscribe import list_name_of, purposed
from mailroom.content.recipients.parsed import MOST_COLUMNS, Parsed, Problem, Recipient, each_once
from mailroom.content.schedule.sending_hours import SendingHours
from mailroom.content.whole.fields import Unmailable
from mailroom.content.writing.written import finished
from mailroom.engine.accept import handed_in
from mailroom.engine.accept.canary_size import canary_size
from mailroom.engine.accept.submission import Idempotency, Submission
from mailroom.engine.preflight.plan import PreflightPlan, plan_of, plan_of_given
from mailroom.ledger.mailings.mailings import Mailing
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.reach import Reached
from mailroom.web.api.requests.emails import EmailRequest, RawEmailRequest
from mailroom.web.api.requests.letters import Letter
from mailroom.web.api.requests.mailings import (
    LetterToMany,
    MailingRequest,
    PreflightRecipientRequest,
    PreflightRequest,
    RecipientRequest,
)
from mailroom.web.api.submitted.made_texts import note_made
from mailroom.web.api.submitted.templated import refuse_lacking_of
from mailroom.web.api.submitted.to_list import listed_people
from mailroom.web.api.submitted.written import format_of, own_texts

API_FIELD_NAMES = {"sender": "from"}
"""What the content calls otherwise than the API."""


def of_email(email: EmailRequest, key: ApiKey, idempotency: Idempotency | None = None) -> Submission:
    """Raises ApiError with what is wrong with it."""
    recipients = each_once(to=email.to, cc=email.cc, bcc=email.bcc)
    to, cc = (
        tuple(Address(r.address, r.name) for r in recipients if r.role == role) for role in ("to", "cc")
    )
    content = _content(email, kind="shared", to=to, cc=cc)
    given = len(email.to) + len(email.cc) + len(email.bcc)
    return _submission(email, key, content, recipients, (), given - len(recipients), idempotency)


def of_message(raw: RawEmailRequest, key: ApiKey, idempotency: Idempotency | None = None) -> Submission:
    """Judged as at the submission port. Raises ApiError with what is wrong with it."""
    try:
        submission = handed_in.submission_of(raw.handed_in(), key)
    except Unmailable as reason:
        raise Unprocessable(f"`message`: This cannot be mailed: {reason}.") from None
    except handed_in.NotTheirs as refusal:
        raise ApiError(403, "validation_error", f"{refusal}.") from None
    expires_after = mailroom().settings.expires
    return replace(submission, expires_after=expires_after, idempotency=idempotency, started=g.started)


def of_mailing(mailing: MailingRequest, key: ApiKey, idempotency: Idempotency | None = None) -> Submission:
    """Raises ApiError with what is wrong with it."""
    if mailing.recipients_list is not None:
        return _submission_to_list(mailing, key, idempotency)
    columns = columns_of(mailing.recipients)
    recipients: dict[str, Recipient] = {}
    for given in mailing.recipients:
        recipient = _recipient(given, given.address)
        recipients.setdefault(recipient.key, recipient)
    content = purposed(_content(mailing, kind="individual"), mailing.purpose, len(recipients), columns)
    duplicates = len(mailing.recipients) - len(recipients)
    return _submission(mailing, key, content, list(recipients.values()), columns, duplicates, idempotency)


def of_listed(
    letter: LetterToMany, parsed: Parsed, key: ApiKey, idempotency: Idempotency | None = None
) -> Submission:
    """The same of recipients that came as a file. Raises ApiError with what is wrong with it."""
    people, columns = parsed.recipients, tuple(parsed.columns)
    content = purposed(_content(letter, kind="individual"), letter.purpose, len(people), columns)
    return _submission(letter, key, content, people, columns, parsed.duplicates.total, idempotency)


def plan_of_listed(letter: LetterToMany, parsed: Parsed, key: ApiKey) -> PreflightPlan:
    """The same to be tried. Raises ApiError."""
    content = _content(letter, kind="individual")
    content = purposed(content, letter.purpose, len(parsed.recipients), parsed.columns)
    refuse(key, content, check_but_tags(content, parsed.recipients))
    return plan_of(content, parsed)


def _submission_to_list(mailing: MailingRequest, key: ApiKey, idempotency: Idempotency | None) -> Submission:
    content, parsed = _to_list(mailing, key)
    refuse_lacking_of(mailing, ((one.address, one.variables or {}) for one in parsed.recipients))
    return _submission(mailing, key, content, parsed.recipients, parsed.columns, 0, idempotency)


def _to_list(mailing: MailingRequest | PreflightRequest, key: ApiKey) -> tuple[Content, Parsed]:
    """What it says, and everybody on the list that it names. Raises ApiError."""
    parsed, list_name = listed_people(mailing, key)
    content = replace(_content(mailing, kind="individual"), list_name=list_name_of(list_name))
    return purposed(content, mailing.purpose, len(parsed.recipients), parsed.columns), parsed


def plan_of_mailing(mailing: PreflightRequest, key: ApiKey) -> PreflightPlan:
    """The same to be tried; what its tags and addresses make of it is found there. Raises ApiError."""
    if mailing.recipients_list is not None:
        content, parsed = _to_list(mailing, key)
        refuse(key, content, check_but_tags(content, parsed.recipients))
        return plan_of(content, parsed)
    columns = columns_of(mailing.recipients)
    given = (
        one.address if isinstance(one.address, Problem) else _recipient(one, one.address)
        for one in mailing.recipients
    )
    plan = plan_of_given(_content(mailing, kind="individual"), given, columns)
    content = purposed(plan.content, mailing.purpose, len(plan.recipients), columns)
    refuse(key, content, check_but_tags(content, plan.recipients))
    return replace(plan, content=content)


def columns_of(recipients: Iterable[RecipientRequest | PreflightRecipientRequest]) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    for given in recipients:
        columns |= dict.fromkeys(given.variables)
        if len(columns) > MOST_COLUMNS:
            raise Unprocessable(f"`recipients`: a mailing has {MOST_COLUMNS:,} variables at the most.")
    return tuple(columns)


def _recipient(given: RecipientRequest | PreflightRecipientRequest, address: Address) -> Recipient:
    return Recipient(address.address, given.name or address.name, given.variables or None)


def _submission(
    letter: Letter,
    key: ApiKey,
    content: Content,
    recipients: Sequence[Recipient],
    columns: Sequence[str],
    duplicates: int,
    idempotency: Idempotency | None,
) -> Submission:
    refuse(key, content, check(content, columns, recipients))
    return Submission(
        content=content,
        recipients=recipients,
        columns=columns,
        duplicates=duplicates,
        send_at=letter.scheduled_at,
        expires_after=mailroom().settings.expires,
        hours=_hours(letter),
        undo=letter.undo if isinstance(letter, LetterToMany) else 0,
        canary=_canary(letter, len(recipients)),
        canary_wait=letter.canary_wait if isinstance(letter, LetterToMany) else None,
        if_unknown=letter.if_unknown,
        evidence_wait=mailroom().settings.evidence_wait,
        user_id=key.user_id,
        program_id=key.program,
        key_id=key.id,
        tags=[(tag.name, tag.value) for tag in letter.tags],
        idempotency=idempotency,
        started=g.started,
    )


def _hours(letter: Letter) -> SendingHours | None:
    wish = letter.sending_hours if isinstance(letter, LetterToMany) else None
    return wish.hours() if wish else None


def _canary(letter: Letter, recipients: int) -> int:
    wish = letter.canary if isinstance(letter, LetterToMany) else None
    return canary_size(wish, recipients) if wish else 0


def refuse(key: ApiKey, content: Content, problems: Sequence[tuple[str, str]]) -> None:
    """Raises ApiError when there are any, or when the key may not speak as this sender."""
    refuse_sender(key, content.sender.address)
    if problems:
        sentences = [f"`{API_FIELD_NAMES.get(field, field)}`: {sentence}" for field, sentence in problems]
        raise Unprocessable(body.together(sentences))
    if key.senders and (reason := disguise_of(content.sender)):
        raise ApiError(403, "validation_error", f"`from`: for this API key, {reason}.")


def to_send(asked: Reached, connection: Connection) -> Mailing:
    """The mailing, uncounted, for who has it go, or go at another time. Raises ApiError where the key may not
    send from its sender.
    """
    found = asked.find_uncounted(connection)
    refuse_sender(asked.key, found.sender_address)
    return found


def refuse_sender(key: ApiKey, address: str) -> None:
    """Raises ApiError when the key may not send from it."""
    if not key.may_send_from(address):
        allowed = ", ".join(key.senders)
        message = f"`from`: this API key may not send from {address}, only from: {allowed}."
        raise ApiError(403, "validation_error", message)


def refuse_typed_sender(key: ApiKey, typed: str) -> None:
    """The same of what is kept as a sender, if it holds an address."""
    with suppress(AddressError):
        refuse_sender(key, parse_address(typed).address)


def _content(
    letter: EmailRequest | LetterToMany,
    *,
    kind: str,
    to: tuple[Address, ...] = (),
    cc: tuple[Address, ...] = (),
) -> Content:
    try:
        attachments = tuple(attachment.read() for attachment in letter.attachments)
    except ValueError as error:
        raise Unprocessable(f"`attachments`: {error}", "invalid_attachment") from None
    said, html = own_texts(letter, is_filled=kind == "individual"), ""
    if (format := format_of(letter)) is not None:
        html = finished(said.html or "", format, is_filled=kind == "individual")
        note_made(html)
    return Content(
        sender=letter.from_,
        subject=letter.subject,
        text=said.text or "",
        html=html or said.html or "",
        reply_to=letter.reply_to,
        headers=tuple(letter.headers.items()),
        attachments=attachments,
        kind=kind,
        to=to,
        cc=cc,
        purpose=letter.purpose or (BULK_PURPOSE if letter.list_ else TRANSACTIONAL),
        list_name=list_name_of(letter.list_ or ""),
    )
