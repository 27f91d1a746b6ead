"""Recipients of a list as a program sends them: a JSON array, or JSON lines that are read one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flask import request

from mailroom.content.lists.newcomers import Newcomers
from mailroom.content.lists.stated_consent import CONSENT_COLUMNS, StatedConsent
from mailroom.content.recipients.parsed import MOST_COLUMNS, Recipient
from mailroom.content.recipients.spool import Recipients
from mailroom.content.text import json_text
from mailroom.web.api import body
from mailroom.web.api.errors import ApiError, Unprocessable
from mailroom.web.api.requests.lists import ConsentRequest, ListRecipientRequest, ListRecipientsRequest

JSON_LINES = {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}

LONGEST_JSON_LINE = 256 << 10
"""Octets: of one recipient."""


class SentRecipients(NamedTuple):
    """Each address once."""

    newcomers: Newcomers
    duplicates: int


def sent_recipients() -> SentRecipients:
    """Those of this request's body. Raises ApiError."""
    seen, columns = set[str](), dict[str, None]()
    duplicates = 0

    def once() -> Iterator[Recipient]:
        nonlocal duplicates
        for one in _sent():
            if one.address.key in seen:
                duplicates += 1
                continue
            seen.add(one.address.key)
            columns.update(dict.fromkeys(one.variables))
            if len(columns) > MOST_COLUMNS:
                raise Unprocessable(f"A list has {MOST_COLUMNS:,} variables at the most.")
            yield as_recipient(one)

    recipients = Recipients(once())
    if not recipients:
        raise ApiError(400, "validation_error", "The body is empty: send recipients.")
    return SentRecipients(Newcomers(recipients, list(columns), states_consent=True), duplicates)


def as_recipient(one: ListRecipientRequest) -> Recipient:
    """What is stated of consent stands beside the variables, as in a file; it is no variable."""
    for name in CONSENT_COLUMNS:
        if name in one.variables:
            raise Unprocessable(f"`variables`: {name} is no variable: give it in `consent`.")
    consent = _columns_of(one.consent) if one.consent else {}
    return Recipient(one.address.address, one.name or one.address.name, {**one.variables, **consent})


def stated_by(consent: ConsentRequest | None) -> StatedConsent | None:
    return (
        None if consent is None else StatedConsent(consent.given, consent.at, consent.how, consent.evidence)
    )


def _columns_of(consent: ConsentRequest) -> dict[str, str]:
    at = consent.at.isoformat() if consent.at else ""
    said = ("given" if consent.given else "withdrawn", at, consent.how, consent.evidence)
    return dict(zip(CONSENT_COLUMNS, said, strict=True))


def _sent() -> Iterable[ListRecipientRequest]:
    if request.mimetype in JSON_LINES:
        return _lines()
    return body.checked(ListRecipientsRequest, body.value()).root


def _lines() -> Iterator[ListRecipientRequest]:
    """One at a time: however many there are, one is held."""
    number = 0
    while line := request.stream.readline(LONGEST_JSON_LINE + 1):
        number += 1
        if len(line) > LONGEST_JSON_LINE:
            raise Unprocessable(f"Line {number:,} has more than {LONGEST_JSON_LINE:,} octets.")
        if not line.strip():
            continue
        try:
            yield body.checked(ListRecipientRequest, json_text.read(line))
        except json_text.NotJson as error:
            raise ApiError(400, "validation_error", f"Line {number:,}: {error}") from None
        except ApiError as error:
            raise ApiError(error.status, error.name, f"Line {number:,}: {error.message}") from None
