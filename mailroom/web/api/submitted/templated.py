"""Emails and mailings that name a stored template: the same as those that say it all themselves.

An email is filled here, and from then on says what it says. A mailing gets the template's own texts, which
are filled for each recipient, as always, from their variables, those of the whole mailing, and fallbacks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import g

from mailroom.content.addresses import parse_address
from mailroom.content.content import BULK_PURPOSE
from mailroom.content.links.unsubscribe import UNSUBSCRIBE_TAG
from mailroom.content.merge.plain import MergeError, Value, Values
from mailroom.content.recipients.parsed import Parsed, Problem
from mailroom.content.templates.filling import FilledLetter
from mailroom.content.templates.for_many import (
    refuse_missing,
    refuse_too_common,
    with_common,
    with_common_values,
)
from mailroom.content.templates.own_texts import filled_with, said_with
from mailroom.content.templates.template_letter import TemplateLetter
from mailroom.content.writing.written import finished
from mailroom.engine.templates import NoSuchTemplate, NotPublished, letter_in_use
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.templates.reach import templates_for
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.errors import Unprocessable, not_found
from mailroom.web.api.requests.emails import EmailRequest
from mailroom.web.api.requests.mailings import (
    LetterToMany,
    ListedMailingRequest,
    MailingRequest,
    PreflightRecipientRequest,
    PreflightRequest,
    RecipientRequest,
    ToManyOrList,
)
from mailroom.web.api.requests.templates import (
    TemplatedEmailRequest,
    TemplatedListedMailingRequest,
    TemplatedMailingRequest,
    TemplatedPreflightRequest,
    TemplateUseRequest,
    is_templated,
)
from mailroom.web.api.submitted.made_texts import note_made
from mailroom.web.api.submitted.written import format_of, own_texts

FILLING_SECONDS = 3.0
"""Of one thread's time, for all emails of one request."""

FILLED_AS_IT_LEAVES = {UNSUBSCRIBE_TAG: f"{{{{ {UNSUBSCRIBE_TAG} }}}}"}
"""Of bulk mail: each recipient has a link of their own."""

L = TypeVar("L", EmailRequest, MailingRequest, PreflightRequest, ListedMailingRequest)
ToMany = TypeVar("ToMany", MailingRequest, PreflightRequest)


def email_of(value: Any, key: ApiKey) -> EmailRequest:
    """The email that this JSON is. Raises ApiError."""
    if not is_templated(value):
        return body.checked(EmailRequest, value)
    email = body.checked(TemplatedEmailRequest, value)
    letter = _letter(email.template, key)
    values = {**email.template.variables, **(FILLED_AS_IT_LEAVES if _is_bulk(email) else {})}
    own = own_texts(email, is_filled=False, template=letter)
    began = time.thread_time()
    with _told():
        said = filled_with(letter, own, values)
    _spend(time.thread_time() - began)
    note_made(*said)
    return _saying(email, letter, said, is_filled=False)


def mailing_of(value: Any, key: ApiKey) -> MailingRequest:
    """The mailing that this JSON is. Raises ApiError, also for a variable that somebody has no value for."""
    if not is_templated(value):
        return body.checked(MailingRequest, value)
    mailing = body.checked(TemplatedMailingRequest, value)
    whole = _for_many(mailing, mailing.template, key)
    people = ((one.address.address, one.variables) for one in whole.recipients)
    with _told():
        refuse_missing((whole.subject, whole.text or "", whole.html or ""), people)
    return whole


def listed_of(value: Any, parsed: Parsed, key: ApiKey, *, is_tried: bool) -> tuple[LetterToMany, Parsed]:
    """The mailing that this JSON is, and these recipients with their values. Raises ApiError.

    `is_tried`: what is missing is found elsewhere.
    """
    if not is_templated(value):
        return body.checked(ListedMailingRequest, value), parsed
    mailing = body.checked(TemplatedListedMailingRequest, value)
    letter = _letter(mailing.template, key)
    own = own_texts(mailing, is_filled=True, template=letter)
    with _told():
        said = said_with(letter, own)
        parsed = with_common_values({**letter.fallbacks, **mailing.template.variables}, parsed)
        if not is_tried:
            people = ((one.address, one.variables or {}) for one in parsed.recipients)
            refuse_missing((said.subject, said.text, said.html), people)
    return _saying(mailing, letter, FilledLetter(said.subject, said.text, said.html)), parsed


def preflight_of(value: Any, key: ApiKey) -> PreflightRequest:
    """The mailing that this JSON is, to be tried: what is missing is found there. Raises ApiError."""
    if not is_templated(value):
        return body.checked(PreflightRequest, value)
    mailing = body.checked(TemplatedPreflightRequest, value)
    return _for_many(mailing, mailing.template, key)


def common_values(mailing: ToManyOrList, key: ApiKey) -> dict[str, Value]:
    """What stands in for a value that a recipient of this mailing has not: its own, then the template's."""
    use = getattr(mailing, "template", None)
    if not isinstance(use, TemplateUseRequest):
        return {}
    return {**_letter(use, key).fallbacks, **use.variables}


def refuse_lacking_of(mailing: ToManyOrList, people: Iterable[tuple[str, Values]]) -> None:
    """Raises ApiError for a tag of a template that somebody has no value for."""
    if isinstance(getattr(mailing, "template", None), TemplateUseRequest):
        with _told():
            refuse_missing((mailing.subject, mailing.text or "", mailing.html or ""), people)


def _for_many(mailing: ToMany, use: TemplateUseRequest, key: ApiKey) -> ToMany:
    letter = _letter(use, key)
    common = {**letter.fallbacks, **use.variables}
    own = own_texts(mailing, is_filled=True, template=letter)
    with _told():
        said = said_with(letter, own)
        refuse_too_common(common, len(mailing.recipients))
    recipients = [
        one.model_copy(update={"variables": _values(one, common)}) if common else one
        for one in mailing.recipients
    ]
    whole = _saying(mailing, letter, FilledLetter(said.subject, said.text, said.html))
    return whole.model_copy(update={"recipients": recipients})


def _values(
    one: RecipientRequest | PreflightRecipientRequest, common: Mapping[str, Value]
) -> dict[str, Value]:
    address = "" if isinstance(one.address, Problem) else one.address.address
    name = one.name or ("" if isinstance(one.address, Problem) else one.address.name)
    return with_common(address, name, one.variables, common)


def _letter(use: TemplateUseRequest, key: ApiKey) -> TemplateLetter:
    """What is sent of this template; read once for all emails of a request. Raises ApiError."""
    read: dict[str, TemplateLetter] = g.setdefault("templates_read", {})
    if use.id not in read:
        try:
            with mailroom().database.read() as connection:
                reach = templates_for(key)
                read[use.id] = letter_in_use(connection, use.id, reach, program_id=key.program)
        except NoSuchTemplate:
            raise not_found("Template") from None
        except NotPublished as reason:
            raise Unprocessable(f"`template.id`: {reason}") from None
    return read[use.id]


def _is_bulk(email: EmailRequest) -> bool:
    return email.purpose == BULK_PURPOSE or (email.purpose is None and bool(email.list_))


def _saying(letter: L, template: TemplateLetter, said: FilledLetter, *, is_filled: bool = True) -> L:
    """The letter with what it says by the template. Raises ApiError."""
    given: dict[str, Any] = {**said._asdict(), "markdown": None, "mjml": None, "layout": None}
    if (format := format_of(letter)) is not None:
        given["html"] = finished(said.html, format, is_filled=is_filled)
        note_made(given["html"])
    if letter.from_ is None:
        given["from_"] = parse_address(template.sender) if template.sender else None
    if not letter.reply_to:
        given["reply_to"] = tuple(map(parse_address, template.reply_to))
    if given.get("from_", letter.from_) is None:
        raise Unprocessable("Missing `from` field: the template has none.", "missing_required_field")
    if not said.subject:
        raise Unprocessable("Missing `subject` field: the template has none.", "missing_required_field")
    return letter.model_copy(update=given)


@contextmanager
def _told() -> Iterator[None]:
    """Raises ApiError for what the template or its values are not fit for."""
    try:
        yield
    except MergeError as trouble:
        raise Unprocessable(f"`template`: {trouble}") from None


def _spend(seconds: float) -> None:
    g.filling_seconds = g.get("filling_seconds", 0.0) + seconds
    if g.filling_seconds > FILLING_SECONDS:
        raise Unprocessable("`template`: Filling all these emails takes more work than one request may.")
