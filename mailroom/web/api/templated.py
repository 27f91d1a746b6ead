"""Emails and mailings that name a stored template: the same as those that say it all themselves.

An email is filled here, and from then on says what it says. A mailing gets the template's own texts, which
are filled for each recipient, as always, from their variables, those of the whole mailing, and fallbacks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from flask import g

from mailroom.content.addresses import parse_address
from mailroom.content.content import BULK_PURPOSE
from mailroom.content.merge.plain import MergeError, Value
from mailroom.content.merge.tags import TAGS_OF_EVERYBODY
from mailroom.content.templates.filling import filled, missing_in, names_wanted
from mailroom.content.templates.template_letter import TemplateLetter, letter_of
from mailroom.content.unsubscribe import UNSUBSCRIBE_TAG
from mailroom.ledger.people.api_keys import ApiKey
from mailroom.ledger.templates import versions
from mailroom.web import mailroom
from mailroom.web.api import body
from mailroom.web.api.errors import Unprocessable
from mailroom.web.api.reach import ReachedTemplate
from mailroom.web.api.requests import EmailRequest, MailingRequest, RecipientRequest
from mailroom.web.api.template_requests import (
    TemplatedEmailRequest,
    TemplatedMailingRequest,
    TemplateUseRequest,
    is_templated,
)

TEXTS = ("subject", "html", "text")
"""What a template says instead."""

FILLING_SECONDS = 3.0
"""Of one thread's time, for all emails of one request."""

MOST_COMMON_TEXT = 64 << 20
"""Characters that values of the whole mailing may take when each recipient has them."""

NAMED_WITHOUT = 3
"""Recipients without a value that are named."""

FILLED_AS_IT_LEAVES = {UNSUBSCRIBE_TAG: f"{{{{ {UNSUBSCRIBE_TAG} }}}}"}
"""Of bulk mail: each recipient has a link of their own."""

L = TypeVar("L", EmailRequest, MailingRequest)


def email_of(value: Any, key: ApiKey) -> EmailRequest:
    """The email that this JSON is. Raises ApiError."""
    if not is_templated(value):
        return body.checked(EmailRequest, value)
    email = body.checked(TemplatedEmailRequest, value)
    letter = _letter(email.template, key)
    values = {**email.template.variables, **(FILLED_AS_IT_LEAVES if _is_bulk(email) else {})}
    own: dict[str, Any] = dict.fromkeys((name for name in TEXTS if getattr(email, name) is not None), "")
    began = time.thread_time()
    try:
        said = filled(replace(letter, **own), values)
    except MergeError as trouble:
        raise Unprocessable(f"`template`: {trouble}") from None
    _spend(time.thread_time() - began)
    return _saying(email, letter, said._asdict())


def mailing_of(value: Any, key: ApiKey) -> MailingRequest:
    """The mailing that this JSON is. Raises ApiError."""
    if not is_templated(value):
        return body.checked(MailingRequest, value)
    mailing = body.checked(TemplatedMailingRequest, value)
    letter = _letter(mailing.template, key)
    texts = {"subject": letter.subject, "html": letter.html, "text": letter.text}
    said = _saying(mailing, letter, texts)
    common = {**letter.fallbacks, **mailing.template.variables}
    recipients = _with_values(mailing.recipients, common)
    _refuse_missing((said.subject, said.html or "", said.text or ""), recipients)
    return said.model_copy(update={"recipients": recipients})


def _letter(use: TemplateUseRequest, key: ApiKey) -> TemplateLetter:
    """What is sent of this template; read once for all emails of a request. Raises ApiError."""
    read: dict[str, TemplateLetter] = g.setdefault("templates_read", {})
    if use.id not in read:
        with mailroom().database.read() as connection:
            template = ReachedTemplate(use.id, key).find(connection)
            published = versions.in_use(connection, template)
        if published is None:
            raise Unprocessable(
                "`template.id`: This template is a draft: publish it before you send with it."
            )
        read[use.id] = letter_of(published.letter)
    return read[use.id]


def _is_bulk(email: EmailRequest) -> bool:
    return email.purpose == BULK_PURPOSE or (email.purpose is None and bool(email.list_))


def _saying(letter: L, template: TemplateLetter, texts: Mapping[str, str]) -> L:
    """The letter with what the template says where it says nothing itself. Raises ApiError."""
    given: dict[str, Any] = {name: text for name, text in texts.items() if getattr(letter, name) is None}
    if letter.from_ is None:
        given["from_"] = parse_address(template.sender) if template.sender else None
    if not letter.reply_to:
        given["reply_to"] = tuple(map(parse_address, template.reply_to))
    if given.get("from_", letter.from_) is None:
        raise Unprocessable("Missing `from` field: the template has none.", "missing_required_field")
    if not given.get("subject", letter.subject):
        raise Unprocessable("Missing `subject` field: the template has none.", "missing_required_field")
    return letter.model_copy(update=given)


def _with_values(
    recipients: Sequence[RecipientRequest], common: Mapping[str, Value]
) -> Sequence[RecipientRequest]:
    """Each with the values of the whole mailing where they have none, or an empty one."""
    if not common:
        return recipients
    if len(json.dumps(common)) * len(recipients) > MOST_COMMON_TEXT:
        raise Unprocessable(
            "`template.variables`: These are too long for so many recipients: write them into the template."
        )
    return [_with(one, common) for one in recipients]


def _with(recipient: RecipientRequest, common: Mapping[str, Value]) -> RecipientRequest:
    own = {name: value for name, value in recipient.variables.items() if value not in (None, "")}
    return recipient.model_copy(update={"variables": {**recipient.variables, **common, **own}})


def _refuse_missing(sources: Iterable[str], recipients: Sequence[RecipientRequest]) -> None:
    """Raises ApiError for the first variable that somebody has no value for."""
    try:
        names = [name for name in names_wanted(*sources) if name not in (*TAGS_OF_EVERYBODY, UNSUBSCRIBE_TAG)]
    except MergeError as trouble:
        raise Unprocessable(f"`template`: {trouble}") from None
    lacking = [(one, missing) for one in recipients if (missing := missing_in(names, one.variables))]
    if lacking:
        _, (name, *_) = lacking[0]
        of_name = [one.address.address for one, missing in lacking if name in missing]
        more = f" and {len(of_name) - NAMED_WITHOUT:,} more" if len(of_name) > NAMED_WITHOUT else ""
        shown = ", ".join(of_name[:NAMED_WITHOUT])
        raise Unprocessable(f"`template`: The template wants a value for {name}; missing for {shown}{more}.")


def _spend(seconds: float) -> None:
    g.filling_seconds = g.get("filling_seconds", 0.0) + seconds
    if g.filling_seconds > FILLING_SECONDS:
        raise Unprocessable("`template`: Filling all these emails takes more work than one request may.")
